#include "control/users/login_cache.h"

#include "base/clock.h"
#include "base/str.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define SHARDS 16 /* locks; an entry's place says which */

struct entry {
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    bool filled;
    uint64_t mark;
    int64_t since_ms, since_wall_ms; /* by both clocks: logins go by the wall's, which may be set */
    int64_t expires_at;              /* wall clock, seconds; 0: never */
    struct login login;
};

struct login_cache {
    uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
    pthread_mutex_t locks[SHARDS];
    struct entry entries[LOGIN_CACHE_MAX];
};

struct login_cache *login_cache_create(void) {
    struct login_cache *cache = mem_zalloc(sizeof *cache);
    randombytes_buf(cache->key, sizeof cache->key);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&cache->locks[i], NULL);
    return cache;
}

void login_cache_destroy(struct login_cache *cache) {
    if (!cache)
        return;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&cache->locks[i]);
    free(cache);
}

static size_t place_of(const struct login_cache *cache, const char *text, size_t length, uint8_t *hash) {
    uint32_t number;
    crypto_shorthash_siphashx24(hash, (const unsigned char *)text, length, cache->key);
    memcpy(&number, hash, sizeof number);
    return number % LOGIN_CACHE_MAX;
}

static bool is_recent(int64_t since, int64_t now) {
    return now >= since && now - since < LOGIN_CACHE_MS;
}

bool login_cache_find(struct login_cache *cache, const char *text, size_t length, uint64_t mark,
                      struct login *ret) {
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    size_t place = place_of(cache, text, length, hash);
    const struct entry *entry = &cache->entries[place];
    pthread_mutex_lock(&cache->locks[place % SHARDS]);
    int64_t wall = clock_wall_ms();
    bool found = entry->filled && entry->mark == mark && sodium_memcmp(entry->hash, hash, sizeof hash) == 0 &&
                 is_recent(entry->since_ms, clock_ms()) && is_recent(entry->since_wall_ms, wall) &&
                 (!entry->expires_at || wall / 1000 < entry->expires_at);
    if (found)
        *ret = entry->login;
    pthread_mutex_unlock(&cache->locks[place % SHARDS]);
    return found;
}

void login_cache_put(struct login_cache *cache, const char *text, size_t length, uint64_t mark,
                     int64_t expires_at, const struct login *login) {
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    size_t place = place_of(cache, text, length, hash);
    struct entry *entry = &cache->entries[place];
    pthread_mutex_lock(&cache->locks[place % SHARDS]);
    memcpy(entry->hash, hash, sizeof hash);
    entry->filled = true;
    entry->mark = mark;
    entry->since_ms = clock_ms();
    entry->since_wall_ms = clock_wall_ms();
    entry->expires_at = expires_at;
    entry->login = *login;
    pthread_mutex_unlock(&cache->locks[place % SHARDS]);
}
