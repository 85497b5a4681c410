/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's capture rules as nftables text; see capture.h.
 *
 * One table of family inet holds both address families, so that neither bypasses the mesh. Every
 * name and number that goes into the text is checked here: the text is read by a program of root.
 */
#include "proxy/capture.h"

#include <stdio.h>

#include "io/addr.h"
#include "io/process.h"

enum { NFT_TIMEOUT_MS = 30000, RULES_SIZE_MAX = 1024 * 1024 };

/* --- arguments --- */

enum kind { TEXT, FLAG, IGNORED_TEXT, IGNORED_FLAG, REFUSED_TEXT, REFUSED_FLAG };

#define AT(field) offsetof(struct capture_options, field)

static const struct argument {
    const char *brief, *name;
    enum kind kind;
    size_t offset; /* of a const char * or bool in struct capture_options */
} arguments[] = {
    {"-p", "--envoy-port", TEXT, AT(outbound_port)},
    {"-z", "--inbound-capture-port", TEXT, AT(inbound_port)},
    {"-e", "--inbound-tunnel-port", TEXT, AT(tunnel_port)},
    {"-u", "--proxy-uid", TEXT, AT(users)},
    {"-g", "--proxy-gid", TEXT, AT(groups)},
    {"-m", "--istio-inbound-interception-mode", TEXT, AT(mode)},
    {"-b", "--istio-inbound-ports", TEXT, AT(inbound_ports)},
    {"-d", "--istio-local-exclude-ports", TEXT, AT(inbound_ports_not)},
    {"-i", "--istio-service-cidr", TEXT, AT(outbound_ranges)},
    {"-x", "--istio-service-exclude-cidr", TEXT, AT(outbound_ranges_not)},
    {"-q", "--istio-outbound-ports", TEXT, AT(outbound_ports)},
    {"-o", "--istio-local-outbound-ports-exclude", TEXT, AT(outbound_ports_not)},
    {"-c", "--istio-exclude-interfaces", TEXT, AT(interfaces_not)},
    {"-n", "--dry-run", FLAG, AT(dry_run)},
    {NULL, "--skip-rule-apply", FLAG, AT(skip_apply)},
    {NULL, "--cleanup-only", FLAG, AT(cleanup)},
    /* marks and tables of TPROXY, logs, and switches whose effect is always there */
    {"-t", "--istio-inbound-tproxy-mark", IGNORED_TEXT, 0},
    {"-r", "--istio-inbound-tproxy-route-table", IGNORED_TEXT, 0},
    {NULL, "--log_output_level", IGNORED_TEXT, 0},
    {NULL, "--log_as_json", IGNORED_FLAG, 0},
    {NULL, "--dual-stack", IGNORED_FLAG, 0},
    {NULL, "--native-nftables", IGNORED_FLAG, 0},
    {NULL, "--force-apply", IGNORED_FLAG, 0},
    {NULL, "--reconcile", IGNORED_FLAG, 0},
    {NULL, "--redirect-dns", REFUSED_FLAG, 0},
    {NULL, "--capture-all-dns", REFUSED_FLAG, 0},
    {NULL, "--run-validation", REFUSED_FLAG, 0},
    {NULL, "--drop-invalid", REFUSED_FLAG, 0},
    {"-k", "--istio-kubevirt-interfaces", REFUSED_TEXT, 0},
};

static bool takes_text(enum kind kind)
{
    return kind == TEXT || kind == IGNORED_TEXT || kind == REFUSED_TEXT;
}

/* The argument that `text` names; *ret_value is what follows a '=', or NULL. */
static const struct argument *argument_find(const char *text, const char **ret_value)
{
    for (size_t i = 0; i < ARRAY_LEN(arguments); i++) {
        const struct argument *argument = &arguments[i];
        size_t len = strlen(argument->name);

        if (argument->brief && strcmp(argument->brief, text) == 0) {
            *ret_value = NULL;
            return argument;
        }
        if (strncmp(argument->name, text, len) == 0 && (text[len] == '\0' || text[len] == '=')) {
            *ret_value = text[len] ? text + len + 1 : NULL;
            return argument;
        }
    }
    return NULL;
}

static int argument_set(const struct argument *argument, const char *value,
                        struct capture_options *options, struct error *err)
{
    void *place = (char *)options + argument->offset;
    bool on = !value || strcmp(value, "true") == 0;

    if (argument->kind == REFUSED_TEXT || (argument->kind == REFUSED_FLAG && on))
        return err_set_path(err, ERR_UNSUPPORTED, argument->name, "not supported: %s",
                            argument->name);
    if (argument->kind == TEXT)
        *(const char **)place = value;
    else if (argument->kind == FLAG)
        *(bool *)place = on;
    return 0;
}

int capture_options_parse(int argc, const char *const *argv, struct capture_options *ret,
                          struct error *err)
{
    struct capture_options options = {
        .outbound_port = "15001",
        .inbound_port = "15006",
        .tunnel_port = "15008",
        .users = "1337",
        .mode = "REDIRECT",
        .inbound_ports = "",
        .inbound_ports_not = "",
        .outbound_ranges = "",
        .outbound_ranges_not = "",
        .outbound_ports = "",
        .outbound_ports_not = "",
        .interfaces_not = "",
    };

    for (int i = 1; i < argc; i++) {
        const char *value;
        const struct argument *argument = argument_find(argv[i], &value);
        int rc;

        if (!argument)
            return err_set_path(err, ERR_INVALID, argv[i], "unknown argument");
        if (takes_text(argument->kind) && !value && ++i == argc)
            return err_set_path(err, ERR_INVALID, argument->name, "needs a value");
        rc = argument_set(argument, takes_text(argument->kind) && !value ? argv[i] : value,
                          &options, err);
        if (rc < 0)
            return rc;
    }
    if (!options.groups)
        options.groups = options.users;
    if (strcmp(options.mode, "REDIRECT") != 0)
        return err_set_path(err, ERR_UNSUPPORTED, "-m", "not supported: interception mode \"%s\"",
                            options.mode);
    *ret = options;
    return 0;
}

/* --- lists --- */

/* Walks a list; false at its end. Spaces around entries do not count. */
static bool list_next(struct slice *rest, struct slice *ret_entry)
{
    while (slice_split_next(rest, ',', ret_entry)) {
        *ret_entry = slice_trim(*ret_entry);
        if (ret_entry->len)
            return true;
    }
    return false;
}

static bool list_is_all(const char *list)
{
    return slice_eq_str(slice_trim(slice_str(list)), "*");
}

static int number_check(struct slice entry, uint64_t max, const char *what, struct error *err)
{
    uint64_t number;

    if (slice_parse_u64(entry, max, &number) < 0)
        return err_set_path(err, ERR_INVALID, what, "\"%.*s\" is not a number up to %llu",
                            SLICE_ARG(entry), (unsigned long long)max);
    return 0;
}

static int name_check(struct slice entry, const char *what, struct error *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@:";

    for (size_t i = 0; i < entry.len; i++) {
        if (!strchr(allowed, entry.data[i]) || entry.data[i] == '\0' || entry.len > 15)
            return err_set_path(err, ERR_INVALID, what, "\"%.*s\" is not an interface name",
                                SLICE_ARG(entry));
    }
    return 0;
}

/* An address or address/length; *ret_v6 tells the family. */
static int range_check(struct slice entry, const char *what, bool *ret_v6, struct error *err)
{
    ptrdiff_t slash = slice_find_char(entry, '/');
    struct slice ip = slash < 0 ? entry : slice_head(entry, (size_t)slash);
    struct addr addr;
    uint64_t length = 0;

    if (slice_find_char(ip, '[') >= 0 || addr_parse_ip(ip, 0, &addr) < 0)
        return err_set_path(err, ERR_INVALID, what, "\"%.*s\" is not an address range",
                            SLICE_ARG(entry));
    *ret_v6 = addr_family(&addr) == AF_INET6;
    if (slash >= 0 &&
        slice_parse_u64(slice_from(entry, (size_t)slash + 1), *ret_v6 ? 128 : 32, &length) < 0)
        return err_set_path(err, ERR_INVALID, what, "\"%.*s\" has no sensible prefix length",
                            SLICE_ARG(entry));
    return 0;
}

/* --- rules --- */

/* One rule for each port of a list: "tcp dport P VERDICT". */
static int port_rules(struct buf *out, const char *list, const char *what, const char *verdict,
                      struct error *err)
{
    struct slice rest = slice_str(list), entry;
    int rc;

    for (unsigned count = 0; list_next(&rest, &entry); count++) {
        if (count == CAPTURE_LIST_MAX)
            return err_set_path(err, ERR_LIMIT, what, "more than %d entries", CAPTURE_LIST_MAX);
        rc = number_check(entry, UINT16_MAX, what, err);
        if (rc < 0)
            return rc;
        buf_printf(out, "\t\ttcp dport %.*s %s\n", SLICE_ARG(entry), verdict);
    }
    return 0;
}

static int range_rules(struct buf *out, const char *list, const char *what, const char *verdict,
                       struct error *err)
{
    struct slice rest = slice_str(list), entry;
    bool v6 = false;
    int rc;

    for (unsigned count = 0; list_next(&rest, &entry); count++) {
        if (count == CAPTURE_LIST_MAX)
            return err_set_path(err, ERR_LIMIT, what, "more than %d entries", CAPTURE_LIST_MAX);
        rc = range_check(entry, what, &v6, err);
        if (rc < 0)
            return rc;
        buf_printf(out, "\t\t%s daddr %.*s %s\n", v6 ? "ip6" : "ip", SLICE_ARG(entry), verdict);
    }
    return 0;
}

static int interface_rules(struct buf *out, const char *list, const char *direction,
                           struct error *err)
{
    struct slice rest = slice_str(list), entry;
    int rc;

    while (list_next(&rest, &entry)) {
        rc = name_check(entry, "-c", err);
        if (rc < 0)
            return rc;
        buf_printf(out, "\t\t%s \"%.*s\" return\n", direction, SLICE_ARG(entry));
    }
    return 0;
}

/* The proxy's own connections: to its own pod by another address they come in again; all others
 * leave as they are. Loopback calls of anybody else are left alone. */
static int owner_rules(struct buf *out, const struct capture_options *options, const char *list,
                       const char *what, const char *key, struct error *err)
{
    struct slice rest = slice_str(list), entry;
    int rc;

    while (list_next(&rest, &entry)) {
        rc = number_check(entry, UINT32_MAX, what, err);
        if (rc < 0)
            return rc;
        for (int v6 = 0; v6 < 2; v6++)
            buf_printf(out, "\t\toifname \"lo\" %s != %s tcp dport != %s %s %.*s redirect to :%s\n",
                       v6 ? "ip6 daddr" : "ip daddr", v6 ? "::1" : "127.0.0.1",
                       options->tunnel_port, key, SLICE_ARG(entry), options->inbound_port);
        buf_printf(out, "\t\toifname \"lo\" %s != %.*s return\n", key, SLICE_ARG(entry));
        buf_printf(out, "\t\t%s %.*s return\n", key, SLICE_ARG(entry));
    }
    return 0;
}

static int inbound_format(const struct capture_options *options, struct buf *out, struct error *err)
{
    char redirect[64];
    int rc;

    snprintf(redirect, sizeof redirect, "meta l4proto tcp redirect to :%s", options->inbound_port);
    buf_append_str(out, "\tchain inbound {\n\t\ttype nat hook prerouting priority dstnat; "
                        "policy accept;\n\t\tmeta l4proto != tcp return\n");
    rc = interface_rules(out, options->interfaces_not, "iifname", err);
    if (rc < 0)
        return rc;
    if (*options->inbound_ports) {
        buf_printf(out, "\t\ttcp dport %s return\n", options->tunnel_port);
        rc = port_rules(out, options->inbound_ports_not, "-d", "return", err);
    }
    if (rc == 0 && list_is_all(options->inbound_ports))
        buf_printf(out, "\t\t%s\n", redirect);
    else if (rc == 0)
        rc = port_rules(out, options->inbound_ports, "-b", redirect, err);
    buf_append_str(out, "\t}\n");
    return rc;
}

static int outbound_format(const struct capture_options *options, struct buf *out,
                           struct error *err)
{
    char redirect[64];
    int rc;

    snprintf(redirect, sizeof redirect, "meta l4proto tcp redirect to :%s", options->outbound_port);
    buf_append_str(out, "\tchain outbound {\n\t\ttype nat hook output priority -100; "
                        "policy accept;\n\t\tmeta l4proto != tcp return\n");
    rc = interface_rules(out, options->interfaces_not, "oifname", err);
    if (rc == 0)
        rc = port_rules(out, options->outbound_ports_not, "-o", "return", err);
    /* what the proxy delivers to its own application carries these source addresses */
    buf_append_str(out, "\t\toifname \"lo\" ip saddr 127.0.0.6 return\n"
                        "\t\toifname \"lo\" ip6 saddr ::6 return\n");
    if (rc == 0)
        rc = owner_rules(out, options, options->users, "-u", "meta skuid", err);
    if (rc == 0)
        rc = owner_rules(out, options, options->groups, "-g", "meta skgid", err);
    buf_append_str(out, "\t\tip daddr 127.0.0.1 return\n\t\tip6 daddr ::1 return\n");
    if (rc == 0)
        rc = range_rules(out, options->outbound_ranges_not, "-x", "return", err);
    if (rc == 0)
        rc = port_rules(out, options->outbound_ports, "-q", redirect, err);
    if (rc == 0 && list_is_all(options->outbound_ranges))
        buf_printf(out, "\t\t%s\n", redirect);
    else if (rc == 0)
        rc = range_rules(out, options->outbound_ranges, "-i", redirect, err);
    buf_append_str(out, "\t}\n");
    return rc;
}

int capture_rules_format(const struct capture_options *options, struct buf *out, struct error *err)
{
    const char *const ports[][2] = {{"-p", options->outbound_port},
                                    {"-z", options->inbound_port},
                                    {"-e", options->tunnel_port}};
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        rc = number_check(slice_str(ports[i][1]), UINT16_MAX, ports[i][0], err);
        if (rc < 0)
            return rc;
    }
    /* the first line makes the second one work on a clean namespace; nft applies all or nothing */
    buf_append_str(out, "table inet istio\ndelete table inet istio\n");
    if (options->cleanup)
        return 0;
    buf_append_str(out, "table inet istio {\n");
    rc = inbound_format(options, out, err);
    if (rc == 0)
        rc = outbound_format(options, out, err);
    buf_append_str(out, "}\n");
    if (rc == 0 && out->failed)
        return err_set(err, ERR_LIMIT, "the rules are too long");
    return rc;
}

/* --- the command --- */

static int rules_apply(struct slice rules, struct error *err)
{
    const char *argv[] = {"nft", "-f", "-", NULL};
    struct error why = {0};
    int rc = process_run(
        &(struct process_options){.argv = argv, .input = rules, .timeout_ms = NFT_TIMEOUT_MS}, NULL,
        &why);

    if (rc == 0)
        return 0;
    return err_set(err, rc < 0 ? rc : ERR_IO,
                   "nft refused the rules (are NET_ADMIN and NET_RAW there?): %s", why.reason);
}

/* The proxy calls its application from 127.0.0.6, which every host has, and from ::6, which it has
 * not. A host without IPv6 needs none. */
static void assign_source6(void)
{
    struct addr addr;
    int rc = addr_parse_ip(SLICE("::6"), 0, &addr);

    if (rc == 0)
        rc = addr_assign_loopback6(&addr);
    if (rc < 0)
        fprintf(stderr, "istio-iptables: no address ::6 (%s): IPv6 is not captured inbound\n",
                err_text(rc));
}

int capture_main(int argc, char **argv)
{
    SCOPED(buf_deinit) struct buf rules;
    struct capture_options options;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    int rc = capture_options_parse(argc, (const char *const *)argv, &options, &err);
    bool usage = rc < 0;

    buf_init(&rules, RULES_SIZE_MAX);
    if (rc == 0)
        rc = capture_rules_format(&options, &rules, &err);
    if (rc == 0) {
        fwrite(rules.data, 1, rules.len, stdout);
        fflush(stdout);
        if (!options.dry_run && !options.skip_apply)
            rc = rules_apply(buf_slice(&rules), &err);
        if (rc == 0 && !options.dry_run && !options.skip_apply && !options.cleanup)
            assign_source6();
    }
    if (rc == 0)
        return 0;
    fprintf(stderr, "istio-iptables: %s\n", err_format(&err, text, sizeof text));
    return usage ? 2 : 1;
}
