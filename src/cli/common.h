/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that several commands share: files of documents, values of an installation, a client.
 *
 * Place   the commands of cli/
 */
#ifndef WEFT_CLI_COMMON_H
#define WEFT_CLI_COMMON_H

#include "base/buf.h"
#include "cli/cli.h"
#include "install/values.h"
#include "io/loop.h"
#include "kube/client.h"

#include <jansson.h>

/* A command's connection to a cluster. Zero-initialise. */
struct cli_cluster {
    struct loop *loop;
    struct kube_client *client;
    char *ns; /* -n, or the context's */
};

/* Reads the kubeconfig and makes a client (no connection yet). */
MUST_USE int cli_cluster_open(const struct cli *cli, struct cli_cluster *ret, struct error *err);
/* Also for SCOPED. */
void cli_cluster_close(struct cli_cluster *cluster);

/* Appends a file's bytes, or those of standard input ("-"); the buffer's maximum holds. */
MUST_USE int cli_text_read(const char *path, struct buf *text, struct error *err);
/* All documents of a file ("-": standard input), as a new array; empty documents are left out. */
MUST_USE int cli_documents_read(const char *path, json_t **ret, struct error *err);
/* The object of a list that has the kind, namespace and name of `object`; NULL when none has. */
const json_t *cli_object_find(const json_t *objects, const json_t *object);
/* Prints a document as YAML, and "---" behind it. */
void cli_document_print(const json_t *document);
/* Prints a tree as -o says: "json" or "yaml". */
void cli_tree_print(const json_t *tree, const char *format);
/* Values from -f files and --set assignments, over the profile that they ask for. */
MUST_USE int cli_values_load(const struct cli_list *files, const struct cli_list *sets,
                             struct install_values *ret, struct error *err);
/* The same with --revision, which may be NULL. */
MUST_USE int cli_values_load_revision(const struct cli_list *files, const struct cli_list *sets,
                                      const char *revision, struct install_values *ret,
                                      struct error *err);
/* Asks `question` on standard output, unless `yes`; says "Cancelled." after any other answer. */
bool cli_confirmed(bool yes, const char *question);

#endif
