#include "control/templates/catalogue.h"

#include "base/cleanup.h"
#include "control/groups/group.h"
#include "control/templates/availability.h"
#include "control/templates/template.h"
#include "control/templates/template_edit_store.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

struct entry {
    char name[TEMPLATE_NAME_MAX + 1];
    char *category, *words;                   /* in lower case; words: what a search looks through */
    char *for_users, *for_operators, *agents; /* JSON */
    struct strv groups;
    bool enabled;
};

/* Never changed once it is made; shared by the requests that read it. */
struct snapshot {
    unsigned references; /* under the catalogue's lock */
    int64_t version;
    struct entry *entries; /* by name */
    size_t count;
    bool restricted; /* some entry has groups */
};

struct catalogue {
    pthread_mutex_t lock;
    struct snapshot *present; /* or NULL */
    char *build;
};

struct catalogue *catalogue_create(const char *build) {
    struct catalogue *catalogue = mem_zalloc(sizeof *catalogue);
    pthread_mutex_init(&catalogue->lock, NULL);
    catalogue->build = str_dup(build);
    return catalogue;
}

static void entry_finish(struct entry *entry) {
    free(entry->category);
    free(entry->words);
    free(entry->for_users);
    free(entry->for_operators);
    free(entry->agents);
    strv_finish(&entry->groups);
}

static void snapshot_destroy(struct snapshot *snapshot) {
    for (size_t i = 0; snapshot && i < snapshot->count; i++)
        entry_finish(&snapshot->entries[i]);
    if (snapshot)
        free(snapshot->entries);
    free(snapshot);
}

/* With the lock held. */
static struct snapshot *unref(struct snapshot *snapshot) {
    return snapshot && --snapshot->references == 0 ? snapshot : NULL;
}

static void give_back(struct catalogue *catalogue, struct snapshot *snapshot) {
    pthread_mutex_lock(&catalogue->lock);
    struct snapshot *last = unref(snapshot);
    pthread_mutex_unlock(&catalogue->lock);
    snapshot_destroy(last);
}

void catalogue_destroy(struct catalogue *catalogue) {
    if (!catalogue)
        return;
    snapshot_destroy(catalogue->present);
    pthread_mutex_destroy(&catalogue->lock);
    free(catalogue->build);
    free(catalogue);
}

/* --- making one --- */

/* Of A-Z alone: the same on every engine and in every locale. */
static void lower(char *text) {
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text + 32);
}

static char *words_of(const struct template *template) {
    struct strbuf words = STRBUF_MAX(16 * 1024);
    strbuf_printf(&words, "%s\n%s\n%s", template->name, template->display_name, template->description);
    for (size_t i = 0; i < template->tags.count; i++)
        strbuf_printf(&words, "\n%s", template->tags.items[i]);
    char *text = strbuf_steal(&words);
    lower(text);
    return text;
}

static char *json_of(const struct template *template, bool for_operators) {
    struct strbuf text = STRBUF_MAX(TEMPLATE_SPEC_MAX * 2);
    struct json_writer w = JSON_WRITER(&text);
    template_write_json(template, for_operators, &w);
    return strbuf_steal(&text);
}

static char *agents_of(const struct template *template, const struct availability *availability) {
    struct strbuf text = STRBUF_MAX(128 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_array_begin(&w);
    for (size_t i = 0; i < availability->count; i++) {
        char reason[TEMPLATE_REASON_MAX];
        const char *lacks = availability_of(availability, i, template, reason);
        jsonw_object_begin(&w);
        jsonw_put_string(&w, "agentId", availability->agents[i].agent_id);
        jsonw_put_string(&w, "platform", availability->agents[i].platform);
        jsonw_put_bool(&w, "available", !lacks);
        jsonw_put_string(&w, "reason", lacks);
        jsonw_object_end(&w);
    }
    jsonw_array_end(&w);
    return strbuf_steal(&text);
}

static void fill(struct entry *entry, struct template *template, const struct availability *availability) {
    str_copy(entry->name, sizeof entry->name, template->name);
    entry->category = str_dup(template->category);
    lower(entry->category);
    entry->words = words_of(template);
    entry->for_users = json_of(template, false);
    entry->for_operators = json_of(template, true);
    entry->agents = agents_of(template, availability);
    entry->enabled = template->enabled;
    entry->groups = template->groups;
    template->groups = (struct strv){0};
}

static struct snapshot *make(struct db_conn *conn, int64_t version, struct err *err) {
    struct template_list list = {0};
    struct availability availability = {0};
    if (template_load_all(conn, &list, err) < 0)
        return NULL;
    if (availability_load(conn, &availability, err) < 0) {
        template_list_finish(&list);
        return NULL;
    }
    struct snapshot *snapshot = mem_zalloc(sizeof *snapshot);
    snapshot->version = version;
    snapshot->entries = mem_zalloc((list.count + 1) * sizeof *snapshot->entries);
    for (; snapshot->count < list.count; snapshot->count++) {
        struct entry *entry = &snapshot->entries[snapshot->count];
        fill(entry, &list.items[snapshot->count], &availability);
        snapshot->restricted |= entry->groups.count > 0;
    }
    availability_finish(&availability);
    template_list_finish(&list);
    return snapshot;
}

/* The present one, made anew when the database's number is another. Read first, so that a snapshot never
 * bears a number that is newer than what it shows. Give it back. */
static struct snapshot *take(struct catalogue *catalogue, struct db_conn *conn, struct err *err) {
    int64_t version = 0;
    if (catalogue_store_version(conn, &version, err) < 0)
        return NULL;
    pthread_mutex_lock(&catalogue->lock);
    struct snapshot *snapshot = catalogue->present;
    bool fits = snapshot && snapshot->version == version;
    if (fits)
        snapshot->references++;
    pthread_mutex_unlock(&catalogue->lock);
    if (fits || !(snapshot = make(conn, version, err)))
        return fits ? snapshot : NULL;
    snapshot->references = 2; /* the catalogue's and the caller's */
    pthread_mutex_lock(&catalogue->lock);
    struct snapshot *last = unref(catalogue->present);
    catalogue->present = snapshot;
    pthread_mutex_unlock(&catalogue->lock);
    snapshot_destroy(last);
    return snapshot;
}

/* --- who sees what --- */

struct viewer {
    bool is_operator;
    struct strv groups; /* empty when nothing is restricted */
};

static int viewer_of(const struct snapshot *snapshot, struct db_conn *conn, const struct actor *actor,
                     struct viewer *ret, struct err *err) {
    *ret = (struct viewer){.is_operator = actor_is_operator(actor)};
    return ret->is_operator || !snapshot->restricted
               ? 0
               : group_names_of(conn, actor->user_id, &ret->groups, err);
}

static bool may_see(const struct viewer *viewer, const struct entry *entry) {
    if (viewer->is_operator)
        return true;
    bool member = entry->groups.count == 0;
    for (size_t i = 0; i < entry->groups.count && !member; i++)
        member = strv_contains(&viewer->groups, entry->groups.items[i]);
    return entry->enabled && member;
}

/* FNV-1a over what an answer depends on, each part ended by a NUL. */
static uint64_t hash_text(uint64_t hash, const char *text) {
    const unsigned char *at = (const unsigned char *)(text ? text : "\xff");
    do {
        hash = (hash ^ *at) * 0x100000001b3;
    } while (*at++);
    return hash;
}

static void make_tag(const struct catalogue *catalogue, const struct snapshot *snapshot,
                     const struct viewer *viewer, const char *const *parts, size_t count,
                     char tag[CATALOGUE_TAG_SIZE]) {
    char number[32];
    snprintf(number, sizeof number, "%" PRId64 "%s", snapshot->version, viewer->is_operator ? "o" : "u");
    uint64_t hash = hash_text(hash_text(0xcbf29ce484222325, catalogue->build), number);
    for (size_t i = 0; i < viewer->groups.count; i++)
        hash = hash_text(hash, viewer->groups.items[i]);
    for (size_t i = 0; i < count; i++)
        hash = hash_text(hash, parts[i]);
    snprintf(tag, CATALOGUE_TAG_SIZE, "\"%016" PRIx64 "\"", hash);
}

/* A list of entity tags, compared weakly, as If-None-Match wants (RFC 9110 section 13.1.2). */
static bool has_it(const char *if_none_match, const char *tag) {
    return if_none_match && (str_eq(if_none_match, "*") || strstr(if_none_match, tag));
}

/* --- answers --- */

static bool matches(const struct entry *entry, const char *category, const char *search) {
    return (!category || str_eq(entry->category, category)) && (!search || strstr(entry->words, search));
}

static void write_list(const struct snapshot *snapshot, const struct viewer *viewer,
                       const struct catalogue_query *query, const char *category, const char *search,
                       struct strbuf *out) {
    unsigned limit = query->limit ? query->limit : CATALOGUE_PAGE_DEFAULT, shown = 0;
    int64_t total = 0;
    const char *last = NULL;
    bool more = false;
    if (limit > CATALOGUE_PAGE_MAX)
        limit = CATALOGUE_PAGE_MAX;
    strbuf_puts(out, "{\"templates\":[");
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct entry *entry = &snapshot->entries[i];
        if (!may_see(viewer, entry) || !matches(entry, category, search))
            continue;
        total++;
        if (query->after && strcmp(entry->name, query->after) <= 0)
            continue;
        more = shown == limit;
        if (more)
            continue;
        if (shown++)
            strbuf_putc(out, ',');
        strbuf_puts(out, viewer->is_operator ? entry->for_operators : entry->for_users);
        last = entry->name;
    }
    strbuf_printf(out, "],\"total\":%" PRId64 ",\"nextCursor\":", total);
    if (more) /* names are of a-z 0-9 - */
        strbuf_printf(out, "\"%s\"}", last);
    else
        strbuf_puts(out, "null}");
}

static char *lowered(const char *text) {
    char *copy = str_dup(text);
    if (copy)
        lower(copy);
    return copy;
}

int catalogue_list(struct catalogue *catalogue, struct db_conn *conn, const struct actor *actor,
                   const struct catalogue_query *query, struct strbuf *out, char tag[CATALOGUE_TAG_SIZE],
                   struct err *err) {
    struct viewer viewer = {0};
    struct snapshot *snapshot = take(catalogue, conn, err);
    int status = snapshot ? viewer_of(snapshot, conn, actor, &viewer, err) : -1;
    if (status == 0) {
        char limit[16];
        snprintf(limit, sizeof limit, "%u", query->limit);
        _cleanup_free_ char *category = lowered(query->category), *search = lowered(query->search);
        const char *const parts[] = {"list", category, search, query->after, limit};
        make_tag(catalogue, snapshot, &viewer, parts, ARRAY_SIZE(parts), tag);
        if (!has_it(query->if_none_match, tag))
            write_list(snapshot, &viewer, query, category, search, out);
    }
    strv_finish(&viewer.groups);
    if (snapshot)
        give_back(catalogue, snapshot);
    return status;
}

static int compare_name(const void *name, const void *entry) {
    return strcmp(name, ((const struct entry *)entry)->name);
}

static int write_one(const struct snapshot *snapshot, const struct viewer *viewer, const char *name,
                     bool has_one, struct strbuf *out, struct err *err) {
    const struct entry *entry =
        bsearch(name, snapshot->entries, snapshot->count, sizeof *snapshot->entries, compare_name);
    if (!entry || !may_see(viewer, entry))
        return err_set(err, ERR_NOT_FOUND, "template_not_found", "there is no template %s",
                       id_is_template(name) ? name : "of such a name");
    if (has_one)
        return 0;
    if (!viewer->is_operator) {
        strbuf_puts(out, entry->for_users);
        return 0;
    }
    strbuf_append(out, entry->for_operators, strlen(entry->for_operators) - 1);
    strbuf_printf(out, ",\"agents\":%s}", entry->agents);
    return 0;
}

int catalogue_get(struct catalogue *catalogue, struct db_conn *conn, const struct actor *actor,
                  const char *name, const char *if_none_match, struct strbuf *out,
                  char tag[CATALOGUE_TAG_SIZE], struct err *err) {
    struct viewer viewer = {0};
    struct snapshot *snapshot = take(catalogue, conn, err);
    int status = snapshot ? viewer_of(snapshot, conn, actor, &viewer, err) : -1;
    if (status == 0) {
        const char *const parts[] = {"one", name};
        make_tag(catalogue, snapshot, &viewer, parts, ARRAY_SIZE(parts), tag);
        status = write_one(snapshot, &viewer, name, has_it(if_none_match, tag), out, err);
    }
    strv_finish(&viewer.groups);
    if (snapshot)
        give_back(catalogue, snapshot);
    return status;
}
