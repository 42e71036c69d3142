#include "base/map.h"

#include "base/id.h"
#include "base/str.h"

#include <stdlib.h>

/* Open addressing with linear probing; the table is a power of two and at most 3/4 full. Removed entries
 * leave a mark behind, so that a walk survives the removal of what it just returned; growing drops the marks.
 */
#define FIRST_SLOTS 16

struct entry {
    char *key; /* NULL: empty, or removed when `value` is &removed_mark */
    void *value;
    size_t hash;
};

struct map {
    struct entry *slots;
    size_t capacity;
    size_t used;  /* entries and marks */
    size_t count; /* entries */
    size_t seed;  /* so that nobody outside can choose keys that collide */
};

static char removed_mark;

struct map *map_create(void) {
    struct map *map = mem_zalloc(sizeof *map);
    random_bytes(&map->seed, sizeof map->seed);
    return map;
}

void map_destroy(struct map *map, void (*free_value)(void *value)) {
    if (!map)
        return;
    for (size_t i = 0; i < map->capacity; i++) {
        if (!map->slots[i].key)
            continue;
        free(map->slots[i].key);
        if (free_value)
            free_value(map->slots[i].value);
    }
    free(map->slots);
    free(map);
}

static size_t hash_of(const struct map *map, const char *key) {
    uint64_t hash = 14695981039346656037ULL ^ map->seed; /* FNV-1a */
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 1099511628211ULL;
    hash ^= hash >> 32;
    return (size_t)hash;
}

/* The entry of this key, or NULL. */
static struct entry *find(const struct map *map, const char *key) {
    if (!map->capacity)
        return NULL;
    size_t hash = hash_of(map, key);
    for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
        struct entry *entry = &map->slots[i];
        if (entry->key && entry->hash == hash && strcmp(entry->key, key) == 0)
            return entry;
        if (!entry->key && !entry->value)
            return NULL;
    }
}

static struct entry *free_slot(struct entry *slots, size_t capacity, size_t hash) {
    size_t i = hash & (capacity - 1);
    while (slots[i].key || slots[i].value)
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static void make_room(struct map *map) {
    if (map->capacity && (map->used + 1) * 4 <= map->capacity * 3)
        return;
    size_t capacity = FIRST_SLOTS;
    while ((map->count + 1) * 2 > capacity)
        capacity *= 2;
    struct entry *slots = mem_zalloc(capacity * sizeof *slots);
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key)
            *free_slot(slots, capacity, map->slots[i].hash) = map->slots[i];
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    map->used = map->count;
}

void *map_get(const struct map *map, const char *key) {
    const struct entry *entry = find(map, key);
    return entry ? entry->value : NULL;
}

void *map_set(struct map *map, const char *key, void *value) {
    struct entry *entry = find(map, key);
    if (entry) {
        void *old = entry->value;
        entry->value = value;
        return old;
    }
    make_room(map);
    size_t hash = hash_of(map, key);
    *free_slot(map->slots, map->capacity, hash) =
        (struct entry){.key = str_dup(key), .value = value, .hash = hash};
    map->used++;
    map->count++;
    return NULL;
}

void *map_remove(struct map *map, const char *key) {
    struct entry *entry = find(map, key);
    if (!entry)
        return NULL;
    void *value = entry->value;
    free(entry->key);
    *entry = (struct entry){.value = &removed_mark};
    map->count--;
    return value;
}

size_t map_count(const struct map *map) {
    return map->count;
}

bool map_next(const struct map *map, size_t *cursor, const char **ret_key, void **ret_value) {
    for (; *cursor < map->capacity; ++*cursor) {
        const struct entry *entry = &map->slots[*cursor];
        if (!entry->key)
            continue;
        if (ret_key)
            *ret_key = entry->key;
        *ret_value = entry->value;
        ++*cursor;
        return true;
    }
    return false;
}
