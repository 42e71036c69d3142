#include "agent/programs.h"

#include "agent/pool.h"

#include <stdlib.h>

struct look {
    struct programs *programs;
    struct strv names;
    json_t *missing;
};

struct programs {
    struct loop *loop;
    struct runtime *runtime;
    loop_fn changed;
    void *arg;
    struct pool *pool;
    struct strv names;
    json_t *missing; /* as last found, or NULL */
    bool untold;
    struct look *look; /* under way, or NULL */
    bool closed;
    bool again; /* the names changed meanwhile */
    struct loop_timer *timer;
};

static void begin(void *arg);

static void look_free(struct look *look) {
    if (!look)
        return;
    strv_finish(&look->names);
    json_decref(look->missing);
    free(look);
}

static void look_done(void *arg) {
    struct look *look = arg;
    struct programs *programs = look->programs;
    programs->look = NULL;
    if (programs->closed) {
        look_free(look);
        return;
    }
    if (!programs->missing || programs->untold || !json_equal(programs->missing, look->missing)) {
        json_decref(programs->missing);
        programs->missing = json_incref(look->missing);
        programs->untold = true;
        programs->changed(programs->arg);
    }
    look_free(look);
    if (programs->again)
        begin(programs);
    else
        programs->timer = loop_timer_add(programs->loop, PROGRAMS_AGAIN_MS, begin, programs);
}

static void run_look(void *arg) {
    struct look *look = arg;
    struct runtime *runtime = look->programs->runtime;
    for (size_t i = 0; i < look->names.count; i++) {
        char reason[SESSION_REASON_MAX] = "";
        const char *command[] = {look->names.items[i], NULL};
        if (!runtime->ops->can_run(runtime, command, NULL, reason))
            json_object_set_new(look->missing, command[0], json_string(reason));
    }
    loop_post(look->programs->loop, look_done, look);
}

static void begin(void *arg) {
    struct programs *programs = arg;
    programs->timer = NULL;
    programs->again = false;
    struct look *look = programs->look = mem_zalloc(sizeof *look);
    look->programs = programs;
    look->missing = json_object();
    for (size_t i = 0; i < programs->names.count; i++)
        strv_add(&look->names, programs->names.items[i]);
    pool_submit(programs->pool, run_look, look);
}

struct programs *programs_create(struct loop *loop, struct runtime *runtime, loop_fn changed, void *arg) {
    struct programs *programs = mem_zalloc(sizeof *programs);
    *programs = (struct programs){.loop = loop, .runtime = runtime, .changed = changed, .arg = arg};
    programs->pool = pool_create(1);
    return programs;
}

void programs_set(struct programs *programs, const struct strv *names) {
    strv_finish(&programs->names);
    for (size_t i = 0; i < names->count; i++)
        strv_add(&programs->names, names->items[i]);
    programs->untold = true;
    if (programs->look) {
        programs->again = true;
        return;
    }
    loop_timer_cancel(programs->timer);
    begin(programs);
}

json_t *programs_take(struct programs *programs) {
    if (!programs->untold || !programs->missing || programs->again)
        return NULL;
    programs->untold = false;
    return json_incref(programs->missing);
}

bool programs_destroy(struct programs *programs, int64_t limit_ms) {
    if (!programs)
        return true;
    programs->closed = true;
    if (!pool_destroy(programs->pool, limit_ms))
        return false;
    loop_timer_cancel(programs->timer);
    loop_step(programs->loop, 0);
    look_free(programs->look);
    strv_finish(&programs->names);
    json_decref(programs->missing);
    free(programs);
    return true;
}
