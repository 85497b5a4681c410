/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic capture: packet rules that lead a pod's connections through its sidecar.
 *
 *   inbound   -> prerouting -> 15006, but for excluded ports and interfaces
 *   outbound  -> output     -> 15001, but for the proxy's own (user 1337), loopback and exclusions;
 *                              the proxy calling its own pod by a Service's address -> 15006
 *
 * Place   the init container istio-init, as `weft-proxy istio-iptables ...` (Istio's command line)
 * Owns    the nftables table `inet istio` of the network namespace it runs in; replaces it whole
 * Limits  lists of at most CAPTURE_LIST_MAX entries; mode REDIRECT, no DNS capture (named errors)
 * Spec    Istio's tools/istio-iptables, rule for rule, for IPv4 and IPv6 alike
 */
#ifndef WEFT_PROXY_CAPTURE_H
#define WEFT_PROXY_CAPTURE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"

enum { CAPTURE_LIST_MAX = 256 };

/* What the arguments say. Texts are borrowed from argv; lists are separated by commas. */
struct capture_options {
    const char *outbound_port;       /* -p, "15001" */
    const char *inbound_port;        /* -z, "15006" */
    const char *tunnel_port;         /* -e, "15008" */
    const char *users;               /* -u, "1337": the proxy's user ids */
    const char *groups;              /* -g, as users when absent */
    const char *mode;                /* -m, "REDIRECT" */
    const char *inbound_ports;       /* -b, "*", "" or ports to capture */
    const char *inbound_ports_not;   /* -d */
    const char *outbound_ranges;     /* -i, "*", "" or ranges to capture */
    const char *outbound_ranges_not; /* -x */
    const char *outbound_ports;      /* -q: captured whatever the range */
    const char *outbound_ports_not;  /* -o */
    const char *interfaces_not;      /* -c */
    bool dry_run;                    /* -n: print the rules, change nothing */
    bool skip_apply;                 /* --skip-rule-apply */
    bool cleanup;                    /* --cleanup-only */
};

/* Fills defaults, then the arguments from argv[1] on. ERR_INVALID names the argument;
 * ERR_UNSUPPORTED what is not supported. */
MUST_USE int capture_options_parse(int argc, const char *const *argv, struct capture_options *ret,
                                   struct error *err);
/* Appends the rules as text for `nft -f`. ERR_INVALID names the list entry that makes no sense. */
MUST_USE int capture_rules_format(const struct capture_options *options, struct buf *out,
                                  struct error *err);
/* The command: exit code 0, 1 (failed), 2 (arguments). Prints the rules and what went wrong. */
int capture_main(int argc, char **argv);

#endif
