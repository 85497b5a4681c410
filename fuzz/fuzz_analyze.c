/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a file of objects, through every analyzer; what is told is printed in each format. */
#include "analyze/analysis.h"
#include "wire/json.h"

enum { TEXT_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_all(const struct analysis *analysis)
{
    size_t count;
    const struct analyze_message *messages = analysis_messages(analysis, &count);

    for (int format = ANALYZE_FORMAT_LOG; format <= ANALYZE_FORMAT_YAML; format++) {
        struct buf out;

        buf_init(&out, 0);
        (void)analyze_messages_format(messages, count, ANALYZE_INFO, (enum analyze_format)format,
                                      format == ANALYZE_FORMAT_LOG, &out);
        buf_deinit(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const on_request = "annotations.AlphaAnalyzer";
    const struct analysis_options options = {.complete = true};
    struct slice text = slice_make(data, size);
    struct analysis *analysis;
    struct error err = {0};

    if (size > TEXT_MAX)
        return 0;
    analysis = analysis_new(&options);
    (void)!analysis_set_mesh_config(analysis, text, &err);
    if (analysis_add_text(analysis, "input.yaml", text, &err) == 0) {
        analysis_add_defaults(analysis);
        analysis_run(analysis, &on_request, 1);
        analysis_run(analysis, NULL, 0);
        print_all(analysis);
    }
    analysis_free(analysis);
    return 0;
}
