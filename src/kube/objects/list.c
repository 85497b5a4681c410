/* SPDX-License-Identifier: Apache-2.0 */
/* Continue tokens. See list.h. */
#include "kube/objects/list.h"

#include "base/buf.h"
#include "wire/base64.h"

enum { TOKEN_MAX = 4096 };

const char *kube_list_token_new(const struct kube_list_place *next, struct arena *arena)
{
    SCOPED(buf_deinit) struct buf token;
    const char *text =
        arena_printf(arena, "%llu/%s/%s", (unsigned long long)next->revision, next->ns, next->name);

    buf_init(&token, 0);
    base64_url_encode(slice_str(text), &token);
    return arena_slice_str(arena, buf_slice(&token));
}

int kube_list_token_parse(struct slice token, struct arena *arena, struct kube_list_place *ret)
{
    SCOPED(buf_deinit) struct buf text;
    struct slice rest, revision, ns, name;
    uint64_t number;

    buf_init(&text, TOKEN_MAX);
    if (base64_decode(token, &text) != 0)
        return ERR_INVALID;
    rest = buf_slice(&text);
    if (!slice_split_next(&rest, '/', &revision) || !slice_split_next(&rest, '/', &ns) ||
        !slice_split_next(&rest, '/', &name) || slice_parse_u64(revision, UINT64_MAX, &number) != 0)
        return ERR_INVALID;
    *ret =
        (struct kube_list_place){number, arena_slice_str(arena, ns), arena_slice_str(arena, name)};
    return 0;
}
