/* SPDX-License-Identifier: Apache-2.0 */
/* Capture rules: Istio's command line in, nftables text out.
 *
 * Place   tests src/proxy/capture.c; as root also asks nft itself whether the text is valid
 */
#include <stdio.h>
#include <unistd.h>

#include "io/process.h"
#include "proxy/capture.h"
#include "test.h"

static const char *const injected[] = {"istio-iptables",
                                       "-p",
                                       "15001",
                                       "-z",
                                       "15006",
                                       "-u",
                                       "1337",
                                       "-m",
                                       "REDIRECT",
                                       "-i",
                                       "*",
                                       "-x",
                                       "",
                                       "-b",
                                       "*",
                                       "-d",
                                       "15090,15021,15020",
                                       "--log_output_level=default:info"};

/* The rules of a command line into `out`, which the caller ends. */
static int rules(int argc, const char *const *argv, struct buf *out, struct error *err)
{
    struct capture_options options;
    int rc = capture_options_parse(argc, argv, &options, err);

    buf_init(out, 0);
    return rc < 0 ? rc : capture_rules_format(&options, out, err);
}

static void what_injection_asks_for(void **state)
{
    struct error err = {0};
    struct buf out;

    (void)state;
    assert_int_equal(rules(ARRAY_LEN(injected), injected, &out, &err), 0);
    assert_slice(buf_slice(&out),
                 "table inet istio\n"
                 "delete table inet istio\n"
                 "table inet istio {\n"
                 "\tchain inbound {\n"
                 "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
                 "\t\tmeta l4proto != tcp return\n"
                 "\t\ttcp dport 15008 return\n"
                 "\t\ttcp dport 15090 return\n"
                 "\t\ttcp dport 15021 return\n"
                 "\t\ttcp dport 15020 return\n"
                 "\t\tmeta l4proto tcp redirect to :15006\n"
                 "\t}\n"
                 "\tchain outbound {\n"
                 "\t\ttype nat hook output priority -100; policy accept;\n"
                 "\t\tmeta l4proto != tcp return\n"
                 "\t\toifname \"lo\" ip saddr 127.0.0.6 return\n"
                 "\t\toifname \"lo\" ip6 saddr ::6 return\n"
                 "\t\toifname \"lo\" ip daddr != 127.0.0.1 tcp dport != 15008 meta skuid 1337 "
                 "redirect to :15006\n"
                 "\t\toifname \"lo\" ip6 daddr != ::1 tcp dport != 15008 meta skuid 1337 "
                 "redirect to :15006\n"
                 "\t\toifname \"lo\" meta skuid != 1337 return\n"
                 "\t\tmeta skuid 1337 return\n"
                 "\t\toifname \"lo\" ip daddr != 127.0.0.1 tcp dport != 15008 meta skgid 1337 "
                 "redirect to :15006\n"
                 "\t\toifname \"lo\" ip6 daddr != ::1 tcp dport != 15008 meta skgid 1337 "
                 "redirect to :15006\n"
                 "\t\toifname \"lo\" meta skgid != 1337 return\n"
                 "\t\tmeta skgid 1337 return\n"
                 "\t\tip daddr 127.0.0.1 return\n"
                 "\t\tip6 daddr ::1 return\n"
                 "\t\tmeta l4proto tcp redirect to :15001\n"
                 "\t}\n"
                 "}\n");
    buf_deinit(&out);
}

static const char *const narrowed[] = {"istio-iptables",
                                       "-b",
                                       "80, 8080",
                                       "--istio-service-cidr=10.0.0.0/8,fd00::/8",
                                       "-x",
                                       "10.9.0.0/16",
                                       "-q",
                                       "5432",
                                       "-o",
                                       "25",
                                       "-c",
                                       "eth1",
                                       "-u",
                                       "7,8",
                                       "-g",
                                       "9"};

static void annotations_narrow_the_capture(void **state)
{
    static const char *const expected[] = {
        "tcp dport 80 meta l4proto tcp redirect to :15006\n\t\ttcp dport 8080 meta l4proto tcp "
        "redirect to :15006\n\t}",
        "iifname \"eth1\" return\n",
        "oifname \"eth1\" return\n\t\ttcp dport 25 return\n",
        "meta skuid 8 return\n",
        "meta skgid 9 return\n",
        "ip daddr 10.9.0.0/16 return\n\t\ttcp dport 5432 meta l4proto tcp redirect to :15001\n"
        "\t\tip daddr 10.0.0.0/8 meta l4proto tcp redirect to :15001\n\t\tip6 daddr fd00::/8 meta "
        "l4proto tcp redirect to "
        ":15001\n\t}",
    };
    struct error err = {0};
    struct buf out;

    (void)state;
    assert_int_equal(rules(ARRAY_LEN(narrowed), narrowed, &out, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        if (slice_find(buf_slice(&out), slice_str(expected[i])) < 0)
            fail_msg("no \"%s\" in\n%s", expected[i], out.data);
    }
    buf_deinit(&out);
}

static void nothing_asked_nothing_captured(void **state)
{
    const char *const argv[] = {"istio-iptables"};
    struct error err = {0};
    struct buf out;

    (void)state;
    assert_int_equal(rules(1, argv, &out, &err), 0);
    assert_true(slice_find(buf_slice(&out), SLICE("redirect to :15001")) < 0);
    assert_true(slice_find(buf_slice(&out), SLICE("dport 15008 return")) < 0);
    buf_deinit(&out);
}

static void bad_arguments_are_named(void **state)
{
    static const struct {
        const char *flag, *value;
        int code;
        const char *said;
    } cases[] = {
        {"-p", "70000", ERR_INVALID, "-p: \"70000\" is not a number"},
        {"-d", "80,; flush ruleset", ERR_INVALID, "-d: \"; flush ruleset\""},
        {"-i", "10.0.0.0/33", ERR_INVALID, "-i: \"10.0.0.0/33\" has no sensible prefix length"},
        {"-i", "somewhere", ERR_INVALID, "-i: \"somewhere\" is not an address range"},
        {"-c", "eth0\" accept", ERR_INVALID, "-c: \"eth0\" accept\" is not an interface name"},
        {"-u", "root", ERR_INVALID, "-u: \"root\" is not a number"},
        {"-m", "TPROXY", ERR_UNSUPPORTED, "not supported: interception mode \"TPROXY\""},
        {"--redirect-dns", "-n", ERR_UNSUPPORTED, "not supported: --redirect-dns"},
        {"-y", "1", ERR_INVALID, "-y: unknown argument"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const argv[] = {"istio-iptables", "-b", "*", cases[i].flag, cases[i].value};
        char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
        struct error err = {0};
        struct buf out;

        assert_int_equal(rules(5, argv, &out, &err), cases[i].code);
        buf_deinit(&out);
        err_format(&err, text, sizeof text);
        if (!strstr(text, cases[i].said))
            fail_msg("\"%s\" instead of \"%s\"", text, cases[i].said);
    }
}

static void nft_takes_the_rules(void **state)
{
    const char *const *const lines[] = {injected, narrowed};
    const int counts[] = {ARRAY_LEN(injected), ARRAY_LEN(narrowed)};
    const char *argv[] = {"unshare", "-n", "nft", "-c", "-f", "-", NULL};

    (void)state;
    if (geteuid() != 0 || access("/usr/sbin/nft", X_OK) < 0)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct error err = {0};
        struct buf out;

        assert_int_equal(rules(counts[i], lines[i], &out, &err), 0);
        if (process_run(&(struct process_options){.argv = argv, .input = buf_slice(&out)}, NULL,
                        &err) != 0)
            fail_msg("nft: %s", err.reason);
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_injection_asks_for),
        cmocka_unit_test(annotations_narrow_the_capture),
        cmocka_unit_test(nothing_asked_nothing_captured),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(nft_takes_the_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
