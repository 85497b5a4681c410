/* SPDX-License-Identifier: Apache-2.0 */
/* Small numbers that names hold, known to every process of the machine.
 *
 *   FOLDER/3 = "blue"      the file's name is the number, its text who has it
 *
 * A file is made with O_EXCL: two that take at once get two numbers, and nothing has to be locked.
 *
 * Place   who deals out parts of something shared: networks, ports, devices
 * Owns    the files in the folder, nothing in memory
 * Limits  numbers from 0 to count - 1; a name of 255 bytes; all of them are looked at for each call
 */
#ifndef WEFT_BASE_SLOTS_H
#define WEFT_BASE_SLOTS_H

#include "base/err.h"
#include "base/prelude.h"

/* The number that the name holds; ERR_NOT_FOUND. */
MUST_USE int slots_find(const char *folder, unsigned count, const char *name, unsigned *ret);
/* Takes the first free number for the name (which must not hold one), and makes the folder.
 * `is_taken` (may be NULL) tells of numbers in use that the folder does not know of. ERR_LIMIT when
 * none is left, without a reason; else the error says what could not be written. */
MUST_USE int slots_take(const char *folder, unsigned count, const char *name,
                        bool (*is_taken)(unsigned number), unsigned *ret, struct error *err);
/* Gives the number back (it may be free already), and removes the folder with the last one. */
MUST_USE int slots_drop(const char *folder, unsigned number, struct error *err);

#endif
