/* SPDX-License-Identifier: Apache-2.0 */
/* See listen.h.
 */
#include "control/listen.h"

#include "base/mem.h"
#include "io/addr.h"

/* `prefix` before the text. */
static int listen_one(struct http_server *server, const char *prefix, const char *text,
                      struct error *err)
{
    char *full = mem_printf("%s%s", prefix, text);
    struct addr addr;
    int rc = addr_parse(slice_str(full), &addr);

    mem_free(full);
    if (rc < 0)
        return err_set(err, ERR_INVALID, "\"%.64s\" is not an address like 0.0.0.0:15010 or :15010",
                       text);
    return http_server_listen(server, &addr, NULL, err);
}

int listen_text(struct http_server *server, const char *text, struct error *err)
{
    struct error unused;
    int rc;

    if (!*text)
        return 0;
    rc = listen_one(server, text[0] == ':' ? "0.0.0.0" : "", text, err);
    if (rc >= 0 && text[0] == ':' && listen_one(server, "[::]", text, &unused) < 0)
        return 0; /* no IPv6 here */
    return rc;
}
