/* SPDX-License-Identifier: Apache-2.0 */
/* Flags in every form that istioctl takes, and what is said about wrong ones.
 */
#include "capture.h"

#include "cli/cli.h"

enum { WORDS_MAX = 16 };

struct words {
    char text[256];
    char *argv[WORDS_MAX];
    int argc;
};

/* "install -f x" as an argv. */
static void words_split(struct words *words, const char *line)
{
    snprintf(words->text, sizeof words->text, "%s", line);
    words->argc = 0;
    for (char *word = strtok(words->text, " "); word; word = strtok(NULL, " "))
        words->argv[words->argc++] = word;
    words->argv[words->argc] = NULL;
}

struct parsed {
    struct cli cli;
    bool flag;
    const char *text;
    struct cli_list list;
    int argc;
};

static int parse(struct words *words, struct parsed *ret)
{
    const struct cli_flag flags[] = {
        {"dry-run", 0, CLI_FLAG_BOOL, &ret->flag, "a switch"},
        {"output", 'o', CLI_FLAG_STRING, &ret->text, "a text"},
        {"set", 's', CLI_FLAG_LIST, &ret->list, "a list"},
    };

    memset(ret, 0, sizeof *ret);
    return cli_flags_parse(&ret->cli, words->argc, words->argv, flags, ARRAY_LEN(flags), "usage",
                           &ret->argc);
}

static void forms(void **state)
{
    static const struct {
        const char *line;
        bool flag;
        const char *text;
        const char *list; /* joined by | */
        const char *rest; /* joined by | */
    } cases[] = {
        {"c", false, NULL, "", ""},
        {"c a b", false, NULL, "", "a|b|"},
        {"c --dry-run a", true, NULL, "", "a|"},
        {"c --dry-run=false", false, NULL, "", ""},
        {"c --dry-run=true", true, NULL, "", ""},
        {"c -o json a", false, "json", "", "a|"},
        {"c -ojson", false, "json", "", ""},
        {"c -o=json", false, "json", "", ""},
        {"c --output json", false, "json", "", ""},
        {"c --output=a=b", false, "a=b", "", ""},
        {"c -s a=1 x --set b=2 --set=c=3 -sd=4", false, NULL, "a=1|b=2|c=3|d=4|", "x|"},
        {"c -- --dry-run -o", false, NULL, "", "--dry-run|-o|"},
        {"c -", false, NULL, "", "-|"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct words words;
        struct parsed parsed;
        char list[128] = "", rest[128] = "";

        words_split(&words, cases[i].line);
        assert_int_equal(parse(&words, &parsed), 0);
        for (size_t k = 0; k < parsed.list.count; k++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s|", parsed.list.items[k]);
        for (int k = 1; k <= parsed.argc; k++)
            snprintf(rest + strlen(rest), sizeof rest - strlen(rest), "%s|", words.argv[k]);
        assert_int_equal(parsed.flag, cases[i].flag);
        assert_string_equal(parsed.text ? parsed.text : "none",
                            cases[i].text ? cases[i].text : "none");
        assert_string_equal(list, cases[i].list);
        assert_string_equal(rest, cases[i].rest);
    }
}

static void globals(void **state)
{
    struct words words;
    struct parsed parsed;

    (void)state;
    words_split(&words, "c -n shop --context east -i mesh -c /k --dry-run");
    assert_int_equal(parse(&words, &parsed), 0);
    assert_string_equal(parsed.cli.ns, "shop");
    assert_string_equal(parsed.cli.context, "east");
    assert_string_equal(parsed.cli.istio_ns, "mesh");
    assert_string_equal(parsed.cli.kubeconfig, "/k");
    assert_true(parsed.flag);
}

static void too_many(void **state)
{
    char *argv[2 * CLI_LIST_MAX + 4] = {(char *)(uintptr_t) "c"};
    struct words words = {.argc = 1};
    struct cli_list list = {0};
    const struct cli_flag flags[] = {{"set", 's', CLI_FLAG_LIST, &list, "a list"}};
    struct cli cli = {0};
    int argc;

    (void)state;
    for (int i = 0; i <= CLI_LIST_MAX; i++) {
        argv[words.argc++] = (char *)(uintptr_t) "-s";
        argv[words.argc++] = (char *)(uintptr_t) "a=1";
    }
    assert_int_equal(cli_flags_parse(&cli, words.argc, argv, flags, 1, "usage", &argc), ERR_LIMIT);
}

/* The whole program: what it says, where, and how it ends. */
static void program(void **state)
{
    static const struct {
        const char *line, *out, *err; /* parts that must be there */
        int code;
    } cases[] = {
        {"istioctl", "Usage:\n  istioctl COMMAND", "", 0},
        {"weft help", "  install ", "", 0},
        {"istioctl bogus", "",
         "Error: unknown command \"bogus\" for \"istioctl\"\nRun 'istioctl --help' for usage.\n",
         64},
        {"istioctl version --bogus", "", "Error: unknown flag: --bogus\n", 64},
        {"istioctl version -Z", "", "Error: unknown shorthand flag: 'Z' in -Z\n", 64},
        {"istioctl version -o", "", "Error: flag needs an argument: -o\n", 64},
        {"istioctl version -o xml --remote=false", "", "Error: --output must be 'yaml' or 'json'",
         64},
        {"istioctl version --remote=false", "client version: " WEFT_VERSION "\n", "", 0},
        {"istioctl -n x version --remote=false -s", "client version: " WEFT_VERSION "\n", "", 0},
        {"istioctl version --remote=false -o yaml", "clientVersion:\n", "", 0},
        {"istioctl tag list", "", "Error: not supported: istioctl tag", 1},
        {"istioctl install --help", "--skip-confirmation", "", 0},
        {"istioctl install extra", "", "Error: unexpected argument \"extra\"", 1},
        {"istioctl install --set bogus=1 -y", "", "Error: bogus: unknown field", 1},
        {"istioctl install --readiness-timeout soon -y", "", "invalid duration \"soon\"", 1},
        {"istioctl install --revision A_b -y", "", "invalid revision specified: A_b", 1},
        {"istioctl manifest generate --set profile=nosuch", "",
         "Error: profile \"nosuch\" not found (there are default, demo, empty, minimal)", 1},
        {"istioctl manifest generate -f /nosuch/file.yaml", "", "Error: /nosuch/file.yaml", 1},
        {"istioctl manifest generate --set profile=minimal", "name: istiod\n", "", 0},
        {"istioctl profile list", "    demo\n", "", 0},
        {"istioctl profile diff default minimal",
         "gateways.istio-ingressgateway.enabled: true -> false\n", "", 1},
        {"istioctl profile dump minimal", "kind: IstioOperator\n", "", 0},
        {"istioctl profile", "", "Error: say one of: profile list", 64},
        {"istioctl uninstall -y", "", "Error: at least one of the --revision", 1},
        {"istioctl proxy-status -o xml", "", "Error: output format \"xml\" not supported", 1},
        {"istioctl proxy-status a.b", "", "Error: not supported: istioctl proxy-status of one", 1},
        {"istioctl kube-inject", "", "* filename not specified (see --filename or -f)", 1},
        {"istioctl validate", "", "Error: error: you must specify resources by --filename.\n", 1},
        {"istioctl validate x.yaml", "",
         "Error: unknown command \"x.yaml\" for \"istioctl validate\"", 64},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct words words;
        struct capture capture;

        words_split(&words, cases[i].line);
        capture_run(&capture, cli_main, words.argc, words.argv, NULL, NULL);
        if (capture.code != cases[i].code || !strstr(capture.out.data, cases[i].out) ||
            !strstr(capture.err.data, cases[i].err))
            fail_msg("%s: exit %d, out \"%.200s\", err \"%.400s\"", cases[i].line, capture.code,
                     capture.out.data, capture.err.data);
        capture_deinit(&capture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(globals),
        cmocka_unit_test(too_many),
        cmocka_unit_test(program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
