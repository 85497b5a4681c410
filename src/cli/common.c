/* SPDX-License-Identifier: Apache-2.0 */
/* See common.h.
 */
#include "cli/common.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/json.h"
#include "wire/yaml.h"

#include <stdio.h>

enum { FILE_SIZE_MAX = 16 * 1024 * 1024 };

int cli_cluster_open(const struct cli *cli, struct cli_cluster *ret, struct error *err)
{
    struct kube_config config = {0};
    struct cli_cluster cluster = {0};
    int rc = kube_config_load(cli->kubeconfig, cli->context, &config, err);

    if (rc < 0)
        return rc;
    rc = loop_new(&cluster.loop);
    if (rc >= 0)
        rc = kube_client_new(cluster.loop, &config, "weft", &cluster.client, err);
    if (rc >= 0) {
        cluster.ns = mem_strdup(cli->ns ? cli->ns : config.default_namespace);
        *ret = cluster;
    } else {
        cli_cluster_close(&cluster);
    }
    kube_config_deinit(&config);
    return rc;
}

void cli_cluster_close(struct cli_cluster *cluster)
{
    kube_client_free(cluster->client);
    loop_free(cluster->loop);
    mem_free(cluster->ns);
    memset(cluster, 0, sizeof *cluster);
}

int cli_text_read(const char *path, struct buf *text, struct error *err)
{
    char *place;
    size_t count;

    if (strcmp(path, "-") != 0)
        return file_read(path, text, err);
    while ((place = buf_reserve(text, 65536)) != NULL) {
        count = fread(place, 1, 65536, stdin);
        buf_commit(text, count);
        if (count == 0)
            return 0;
    }
    return err_set(err, ERR_LIMIT, "standard input is larger than %d bytes", FILE_SIZE_MAX);
}

int cli_documents_read(const char *path, json_t **ret, struct error *err)
{
    json_t *all = NULL;
    struct buf text;
    int rc;

    buf_init(&text, FILE_SIZE_MAX);
    rc = cli_text_read(path, &text, err);
    if (rc >= 0) {
        rc = yaml_parse(buf_slice(&text), NULL, &all, err);
        if (rc < 0)
            (void)err_prefix(err, "%s", path);
    }
    buf_deinit(&text);
    if (rc < 0)
        return rc;
    for (size_t i = json_array_size(all); i > 0; i--)
        if (json_is_null(json_array_get(all, i - 1)))
            json_array_remove(all, i - 1);
    *ret = all;
    return 0;
}

const json_t *cli_object_find(const json_t *objects, const json_t *object)
{
    const char *kind = json_path_string_or(object, "kind", "");
    size_t i;
    json_t *other;

    json_array_foreach(objects, i, other)
    {
        if (strcmp(kube_name(other), kube_name(object)) == 0 &&
            strcmp(kube_namespace(other), kube_namespace(object)) == 0 &&
            strcmp(json_path_string_or(other, "kind", ""), kind) == 0)
            return other;
    }
    return NULL;
}

void cli_document_print(const json_t *document)
{
    struct buf text;

    buf_init(&text, 0);
    (void)yaml_format(document, &text);
    fwrite(text.data, 1, text.len, stdout);
    fputs("---\n", stdout);
    buf_deinit(&text);
}

void cli_tree_print(const json_t *tree, const char *format)
{
    struct buf text;

    buf_init(&text, 0);
    if (strcmp(format, "json") == 0) {
        (void)json_format(tree, JSON_FORMAT_PRETTY, &text);
        buf_append_char(&text, '\n');
    } else {
        (void)yaml_format(tree, &text);
    }
    fwrite(text.data, 1, text.len, stdout);
    buf_deinit(&text);
}

/* The last one wins: --set over files. */
static const char *profile_find(const json_t *documents, const struct cli_list *sets)
{
    const char *profile = NULL;
    size_t i;
    json_t *document;

    json_array_foreach(documents, i, document)
    {
        const char *own = install_profile_of(document);

        profile = own ? own : profile;
    }
    for (i = 0; i < sets->count; i++)
        if (strncmp(sets->items[i], "profile=", 8) == 0)
            profile = sets->items[i] + 8;
    return profile;
}

int cli_values_load(const struct cli_list *files, const struct cli_list *sets,
                    struct install_values *ret, struct error *err)
{
    SCOPED(json_drop) json_t *documents = json_array();
    SCOPED(install_values_deinit) struct install_values values = {0};
    size_t i;
    json_t *document;
    int rc = 0;

    for (i = 0; i < files->count; i++) {
        SCOPED(json_drop) json_t *more = NULL;

        rc = cli_documents_read(files->items[i], &more, err);
        if (rc < 0)
            return rc;
        json_array_extend(documents, more);
    }
    rc = install_values_init(&values, profile_find(documents, sets), err);
    if (rc < 0)
        return rc;
    json_array_foreach(documents, i, document)
    {
        rc = install_values_merge(&values, document, err);
        if (rc < 0)
            return rc;
    }
    for (i = 0; i < sets->count; i++) {
        rc = install_values_set(&values, sets->items[i], err);
        if (rc < 0)
            return rc;
    }
    *ret = values;
    memset(&values, 0, sizeof values);
    return 0;
}

int cli_values_load_revision(const struct cli_list *files, const struct cli_list *sets,
                             const char *revision, struct install_values *ret, struct error *err)
{
    SCOPED(mem_drop) char *assignment = revision ? mem_printf("revision=%s", revision) : NULL;
    struct cli_list all = *sets;

    if (assignment && all.count == CLI_LIST_MAX)
        return err_set(err, ERR_LIMIT, "--set is given more than %d times", CLI_LIST_MAX - 1);
    if (assignment)
        all.items[all.count++] = assignment;
    return cli_values_load(files, &all, ret, err);
}

bool cli_confirmed(bool yes, const char *question)
{
    char line[16];

    if (yes)
        return true;
    fputs(question, stdout);
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return true;
    printf("Cancelled.\n");
    return false;
}
