/* SPDX-License-Identifier: Apache-2.0 */
/* Continue tokens: there and back, and texts that are none. */
#include "test.h"

#include "kube/objects/list.h"

static void a_token_comes_back(void **state)
{
    static const struct kube_list_place places[] = {
        {18446744073709551615u, "default", "web-5d4f"}, {1, "", "cluster-wide"}, {7, "a", "?>~"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct arena arena;
        struct kube_list_place got;
        const char *token;

        arena_init(&arena, 0);
        token = kube_list_token_new(&places[i], &arena);
        assert_null(strpbrk(token, "+/= ")); /* it stands in a URL */
        assert_int_equal(kube_list_token_parse(slice_str(token), &arena, &got), 0);
        assert_true(got.revision == places[i].revision);
        assert_string_equal(got.ns, places[i].ns);
        assert_string_equal(got.name, places[i].name);
        arena_deinit(&arena);
    }
}

static void other_texts_are_refused(void **state)
{
    static const char *const texts[] = {"%%", "MTI", "MTIvYQ", "eC9hL2I"}; /* 12, 12/a, x/a/b */
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct kube_list_place got;

        assert_int_equal(kube_list_token_parse(slice_str(texts[i]), &arena, &got), ERR_INVALID);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_comes_back),
        cmocka_unit_test(other_texts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
