/* SPDX-License-Identifier: Apache-2.0 */
/* Which container a request means. */
#include "test.h"

#include "kube/objects/pod_target.h"

static const char one[] =
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"app\"}]}}";
static const char many[] =
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"initContainers\":[{\"name\":\"init\"}],"
    "\"containers\":[{\"name\":\"app\"},{\"name\":\"proxy\"}],"
    "\"ephemeralContainers\":[{\"name\":\"debugger\"}]}}";

static const struct target_case {
    const char *pod, *asked, *expected; /* the container, or the reason */
    int code;
} cases[] = {
    {one, "", "app", 0},
    {one, "app", "app", 0},
    {one, "ap", "container ap is not valid for pod p", ERR_INVALID},
    {many, "init", "init", 0},
    {many, "proxy", "proxy", 0},
    {many, "debugger", "debugger", 0},
    {many, "", "a container name must be specified for pod p, choose one of: [init app proxy]",
     ERR_INVALID},
};

static void containers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        const char *name = NULL;
        struct arena arena;
        json_t *pod;

        arena_init(&arena, 0);
        assert_int_equal(json_parse(slice_str(cases[i].pod), NULL, &pod, NULL), 0);
        assert_int_equal(kube_pod_target(pod, slice_str(cases[i].asked), &arena, &name, &err),
                         cases[i].code);
        assert_string_equal(cases[i].code == 0 ? name : err.reason, cases[i].expected);
        json_decref(pod);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(containers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
