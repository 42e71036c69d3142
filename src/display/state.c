#include "display/state.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "json/writer.h"

#include <pthread.h>

struct display_state {
    pthread_mutex_t lock;
    struct display_situation situation;
    bool open;
};

struct display_state *display_state_create(void) {
    struct display_state *state = mem_zalloc(sizeof *state);
    pthread_mutex_init(&state->lock, NULL);
    return state;
}

void display_state_destroy(struct display_state *state) {
    if (!state)
        return;
    pthread_mutex_destroy(&state->lock);
    free(state);
}

void display_state_set(struct display_state *state, const struct display_situation *situation) {
    pthread_mutex_lock(&state->lock);
    state->situation = *situation;
    pthread_mutex_unlock(&state->lock);
}

struct display_situation display_state_get(struct display_state *state) {
    pthread_mutex_lock(&state->lock);
    struct display_situation copy = state->situation;
    pthread_mutex_unlock(&state->lock);
    return copy;
}

void display_state_set_open(struct display_state *state, bool open) {
    pthread_mutex_lock(&state->lock);
    state->open = open;
    pthread_mutex_unlock(&state->lock);
}

bool display_state_is_open(struct display_state *state) {
    pthread_mutex_lock(&state->lock);
    bool open = state->open;
    pthread_mutex_unlock(&state->lock);
    return open;
}

const char *display_phase_name(enum display_phase phase) {
    static const char *const names[] = {"starting", "running", "ended"};
    return names[phase];
}

static void put_text(struct json_writer *w, const char *key, const char *text) {
    if (*text)
        jsonw_put_string(w, key, text);
}

char *display_situation_json(const struct display_situation *situation) {
    struct strbuf text = STRBUF_MAX(8 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    put_text(&w, "state", display_phase_name(situation->phase));
    put_text(&w, "stage", situation->stage);
    if (situation->pid)
        jsonw_put_int(&w, "pid", situation->pid);
    if (situation->phase == DISPLAY_ENDED)
        jsonw_put_bool(&w, "failed", situation->failed);
    put_text(&w, "reason", situation->reason);
    jsonw_object_end(&w);
    return strbuf_steal(&text);
}
