/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of analyzers: code, level, text; how a list of them is put in order and printed.
 *
 * Place   analyzers tell them through analysis_report (analysis_int.h); cli/analyze prints them
 * Owns    nothing: a message's texts live in its analysis
 * Spec    Istio's output formats of `istioctl analyze`
 */
#ifndef WEFT_ANALYZE_MESSAGE_H
#define WEFT_ANALYZE_MESSAGE_H

#include "analyze/message_table.h"
#include "base/buf.h"
#include "base/prelude.h"

/* The order of severity: printed first is the highest. */
enum analyze_level { ANALYZE_INFO, ANALYZE_WARNING, ANALYZE_ERROR, ANALYZE_LEVEL_COUNT };

enum analyze_message_id {
#define ANALYZE_MESSAGE_ENUM(name, ...) ANALYZE_##name,
    ANALYZE_MESSAGE_MAP(ANALYZE_MESSAGE_ENUM)
#undef ANALYZE_MESSAGE_ENUM
        ANALYZE_MESSAGE_COUNT
};

struct analyze_message {
    enum analyze_message_id id;
    enum analyze_level level;
    const char *code;      /* "IST0101" */
    const char *origin;    /* "VirtualService default/reviews" */
    const char *reference; /* "gw.yaml:10"; "" for live objects */
    const char *text;
};

/* "Info", "Warning", "Error". */
const char *analyze_level_name(enum analyze_level level);
/* As written on the command line, in any case; -1 when it is none. */
int analyze_level_parse(const char *text);
/* Whether any message has this code. */
bool analyze_code_is_known(const char *code);
/* The template, for tests and lists; arguments are {0}, {1}, ... */
const char *analyze_message_template(enum analyze_message_id id);
size_t analyze_message_argument_count(enum analyze_message_id id);

enum analyze_format { ANALYZE_FORMAT_LOG, ANALYZE_FORMAT_JSON, ANALYZE_FORMAT_YAML };

/* Appends the messages of `level_min` and above, as `istioctl analyze` prints them, without the
 * last newline. Returns how many there were. */
size_t analyze_messages_format(const struct analyze_message *messages, size_t count,
                               enum analyze_level level_min, enum analyze_format format, bool color,
                               struct buf *out);

#endif
