/* SPDX-License-Identifier: Apache-2.0 */
/* What a broken upstream stream is called: in the local reply's body, in the response code details,
 * in flags, in Envoy's words.
 */
#ifndef WEFT_PROXY_RESET_TEXT_H
#define WEFT_PROXY_RESET_TEXT_H

#include "base/arena.h"
#include "base/prelude.h"
#include "http/stream.h"

struct reset_text {
    unsigned status;
    uint32_t flag;
    struct slice body;
    struct slice details;           /* "upstream_reset_before_response_started{...}" */
    struct slice transport_failure; /* "delayed connect error: Connection refused"; may be empty */
};

/* `connect_error` is the ERR_ code of the last failed connection (for connect failures). */
void reset_text_make(enum http_reset reason, int connect_error, bool retried, struct arena *arena,
                     struct reset_text *ret);
/* "connection_termination" and so on. */
const char *reset_text_label(enum http_reset reason);
/* The text for a failed connection, "" when nothing is known. */
const char *reset_text_connect_error(int connect_error);

#endif
