/* A hash map from strings to pointers. Keys are copied, values are the caller's. Not thread-safe. */
#ifndef SS_BASE_MAP_H
#define SS_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

struct map *map_create(void);
/* `free_value` (may be NULL) is called for each value. Accepts NULL. */
void map_destroy(struct map *map, void (*free_value)(void *value));

/* NULL when there is none. */
void *map_get(const struct map *map, const char *key);
/* Puts `value` (not NULL) under `key`; returns the one that stood there before, or NULL. */
void *map_set(struct map *map, const char *key, void *value);
/* Takes the entry out; returns its value, or NULL. */
void *map_remove(struct map *map, const char *key);
size_t map_count(const struct map *map);

/* Walks all entries in no special order, starting with *cursor = 0. False past the last. `ret_key` may be
 * NULL; the key is borrowed. The entry just returned may be removed meanwhile; nothing may be added. */
bool map_next(const struct map *map, size_t *cursor, const char **ret_key, void **ret_value);

#endif
