/* SPDX-License-Identifier: Apache-2.0 */
/* A tiny API server for tests: objects by path, lists, watches, on the test's own loop.
 *
 * Objects live under their REST path; a list is every object below a collection's path, whatever
 * the namespace. A service account's /token gives "token-<writes so far>". Not a model of
 * Kubernetes: just what the client must get along with.
 */
#ifndef WEFT_TESTS_FAKE_API_H
#define WEFT_TESTS_FAKE_API_H

#include <jansson.h>

#include "http/server.h"
#include "io/loop.h"
#include "kube/client.h"

enum { FAKE_WATCHES = 32 };

struct fake_watch {
    struct http_stream *stream; /* NULL: free */
    char path[256];             /* of the collection */
};

struct fake_api {
    struct loop *loop;
    struct http_server *server; /* NULL: down */
    struct addr addr;
    json_t *objects; /* path -> object */
    int64_t version;
    struct fake_watch watches[FAKE_WATCHES];
    unsigned list_count, watch_count, write_count;
    unsigned expire_next; /* that many watches are answered with 410 */
};

void fake_api_init(struct fake_api *api, struct loop *loop);
void fake_api_deinit(struct fake_api *api);
/* Stops, with all connections; starts again on the same port. */
void fake_api_down(struct fake_api *api);
void fake_api_up(struct fake_api *api);
/* Adds or replaces "/api/v1/namespaces/NS/pods/NAME" and tells the watches. `object` is taken. */
void fake_api_put(struct fake_api *api, const char *path, json_t *object);
void fake_api_delete(struct fake_api *api, const char *path);
/* Borrowed; NULL when absent. */
json_t *fake_api_get(const struct fake_api *api, const char *path);
/* Ends all watches cleanly, as a timeout does. */
void fake_api_end_watches(struct fake_api *api);
/* "http://127.0.0.1:port"; mem_free it. */
char *fake_api_url(const struct fake_api *api);
/* A client on the API's own loop; kube_client_free it first. */
struct kube_client *fake_api_client(const struct fake_api *api);
/* What most tests begin with: a loop, the API on it, and a client, which is returned.
 * fake_api_close ends all three. */
struct kube_client *fake_api_open(struct fake_api *api);
void fake_api_close(struct fake_api *api, struct kube_client *client);
/* Writes a kubeconfig for it into the folder; returns the file's name, mem_free it. */
char *fake_api_kubeconfig(const struct fake_api *api, const char *folder);

#endif
