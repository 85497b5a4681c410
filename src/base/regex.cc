/* SPDX-License-Identifier: Apache-2.0 */
/* RE2 behind a C face: see regex.h. The only C++ of weft. */
#include "base/regex.h"

#include <re2/re2.h>

#include <cstring>
#include <new>
#include <string>

struct regex {
    re2::RE2 program;

    regex(re2::StringPiece pattern, const re2::RE2::Options &options) : program(pattern, options)
    {
    }
};

extern "C" int regex_new(struct slice pattern, struct regex **ret, struct error *err)
{
    re2::RE2::Options options;

    options.set_log_errors(false);
    options.set_max_mem(8 << 20);
    struct regex *made =
        new (std::nothrow) regex(re2::StringPiece(pattern.data, pattern.len), options);
    if (!made)
        return err_set(err, ERR_NO_MEMORY, "no memory for the regular expression");
    if (!made->program.ok()) {
        err_set(err, ERR_INVALID, "invalid regular expression: %s", made->program.error().c_str());
        delete made;
        return ERR_INVALID;
    }
    *ret = made;
    return 0;
}

extern "C" void regex_free(struct regex *regex)
{
    delete regex;
}

extern "C" bool regex_match_full(const struct regex *regex, struct slice text)
{
    return re2::RE2::FullMatch(re2::StringPiece(text.data, text.len), regex->program);
}

extern "C" bool regex_match_part(const struct regex *regex, struct slice text)
{
    return re2::RE2::PartialMatch(re2::StringPiece(text.data, text.len), regex->program);
}

extern "C" char *regex_replace_all(const struct regex *regex, struct slice text,
                                   struct slice rewrite)
{
    std::string result(text.data, text.len);

    re2::RE2::GlobalReplace(&result, regex->program, re2::StringPiece(rewrite.data, rewrite.len));
    return strdup(result.c_str());
}
