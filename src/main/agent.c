/* `streamspace agent`: flags, and which runtime. */
#include "main/main.h"

#include "agent/agent.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "cli/cli.h"
#include "main/flags.h"

static int make_runtime_local(struct runtime **ret, const struct runtime_options *options, struct err *err) {
    return runtime_local_create(ret, options, err);
}

static int make_runtime_null(struct runtime **ret, const struct runtime_options *options, struct err *err) {
    return runtime_null_create(ret, options, err);
}

static const struct {
    const char *name;
    int (*make)(struct runtime **ret, const struct runtime_options *options, struct err *err);
} runtimes[] = {{"local", make_runtime_local}, {"null", make_runtime_null}};

int agent_main(int argc, char **argv) {
    if (argc > 1 && argv[1][0] != '-') /* agent list … */
        return cli_agent_admin(argc, argv);
    struct role_flags flags = {0};
    struct err err = {0};
    int status;
    if (!flags_parse(ROLE_AGENT, argc, argv, &flags, &status))
        return status;
    raise_descriptor_limit();
    _cleanup_free_ char *program = NULL;
    _cleanup_free_ char *base = flags.data_dir ? str_dup(flags.data_dir) : default_data_dir();
    _cleanup_free_ char *state_dir = flags.data_dir ? str_dup(base) : str_format("%s/agent", base);
    if (own_path(&program, &err) < 0)
        return role_failed("agent", &err, 1);
    struct agent_options options = {.control_plane_urls = flags.control_plane_url,
                                    .agent_id = flags.agent_id,
                                    .api_key = flags.api_key,
                                    .runtime = flags.runtime,
                                    .state_dir = state_dir,
                                    .region = flags.region,
                                    .labels = &flags.labels,
                                    .ca_file = flags.ca_file,
                                    .program = program,
                                    .max_sessions = flags.max_sessions,
                                    .heartbeat_seconds = flags.heartbeat,
                                    .cpu_overcommit = flags.cpu_overcommit,
                                    .memory_overcommit = flags.memory_overcommit,
                                    .stop_on_exit = str_eq(flags.on_exit, "stop")};
    for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++)
        if (str_eq(flags.runtime, runtimes[i].name))
            options.make_runtime = runtimes[i].make;
    int result = agent_run(&options, &err);
    flags_finish(&flags);
    return result < 0 ? role_failed("agent", &err, 1) : 0;
}
