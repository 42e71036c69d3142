#include "../test.h"

#include "base/map.h"
#include "base/str.h"

#include <stdlib.h>

static void entries_are_set_replaced_and_removed(void **state) {
    struct map *map = map_create();
    int one = 1, two = 2;
    assert_null(map_get(map, "a"));
    assert_null(map_remove(map, "a"));
    assert_null(map_set(map, "a", &one));
    assert_ptr_equal(map_set(map, "a", &two), &one);
    assert_ptr_equal(map_get(map, "a"), &two);
    assert_int_equal(map_count(map), 1);
    assert_ptr_equal(map_remove(map, "a"), &two);
    assert_null(map_get(map, "a"));
    assert_int_equal(map_count(map), 0);
    map_destroy(map, NULL);
    map_destroy(NULL, NULL);
}

/* Against a plain array, over many random steps. */
static void random_steps_agree_with_an_array(void **state) {
    enum { KEYS = 300, STEPS = 60000 };
    static int marks[KEYS];
    int *expected[KEYS] = {0};
    size_t count = 0;
    struct map *map = map_create();
    uint32_t seed = 4711;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1664525u + 1013904223u;
        size_t k = (seed >> 8) % KEYS;
        char key[16];
        snprintf(key, sizeof key, "k%zu", k);
        if (seed >> 31) {
            assert_ptr_equal(map_set(map, key, &marks[k]), expected[k]);
            count += !expected[k];
            expected[k] = &marks[k];
        } else {
            assert_ptr_equal(map_remove(map, key), expected[k]);
            count -= expected[k] != NULL;
            expected[k] = NULL;
        }
        assert_int_equal(map_count(map), count);
    }
    for (size_t k = 0; k < KEYS; k++) {
        char key[16];
        snprintf(key, sizeof key, "k%zu", k);
        assert_ptr_equal(map_get(map, key), expected[k]);
    }
    map_destroy(map, NULL);
}

static void a_walk_sees_each_once_and_may_remove(void **state) {
    struct map *map = map_create();
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        map_set(map, key, str_dup(key));
    }
    size_t cursor = 0, seen = 0;
    const char *key;
    void *value;
    while (map_next(map, &cursor, &key, &value)) {
        assert_string_equal(key, value);
        if (seen++ % 2 == 0)
            free(map_remove(map, value));
    }
    assert_int_equal(seen, 100);
    assert_int_equal(map_count(map), 50);
    map_destroy(map, free);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_set_replaced_and_removed),
        cmocka_unit_test(random_steps_agree_with_an_array),
        cmocka_unit_test(a_walk_sees_each_once_and_may_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
