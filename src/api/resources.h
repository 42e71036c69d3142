/* The handlers of the route table, by file. Each answers its call exactly once (call.h). */
#ifndef SS_API_RESOURCES_H
#define SS_API_RESOURCES_H

#include "control/sessions/ticket.h"
#include "json/fields.h"

struct call;
struct json_writer;
struct login_tokens;
struct user;

/* Bodies: rows and the structs that they fill. */
struct login_body {
    char *username, *password, *otp;
};
struct refresh_body {
    char *refresh_token;
};
struct change_password_body {
    char *current_password, *new_password;
};
struct resources_body {
    char *memory, *cpu;
};
struct session_body {
    char *template_name, *user, *idle_timeout, *max_duration;
    struct resources_body resources;
    bool persistent_home;
    struct strv tags;
    struct json_pairs env;
};
struct session_patch_body {
    char *state, *idle_timeout, *max_duration;
    bool has_idle_timeout, has_max_duration, has_tags;
    struct resources_body resources;
    struct strv tags;
};
struct ticket_body {
    char *mode;
};
struct share_body {
    char *username, *mode, *expires_at;
    bool link;
};
struct agent_token_body {
    char *agent_id;
};
struct agent_patch_body {
    char *status;
    json_t *labels; /* an object, null, or NULL */
};
struct capacity_body {
    int64_t max_sessions;
    json_t *cpu, *memory;
};
struct register_body {
    char *agent_id, *platform, *region;
    struct capacity_body capacity;
    struct json_pairs labels;
    json_t *metadata;
};
struct user_body {
    char *username, *password, *email, *full_name, *role;
};
struct group_body {
    char *name, *display_name, *description;
};
struct group_patch_body {
    char *display_name, *description;
    bool has_display_name, has_description;
};
struct member_body {
    char *username, *role;
};
struct member_patch_body {
    char *role;
};
struct quota_body {
    json_t *max_sessions; /* an integer, null, or NULL */
    char *max_cpu, *max_memory, *max_storage;
};
extern const struct json_field agent_patch_rows[2], session_patch_rows[5], group_rows[3], group_patch_rows[2],
    member_rows[2], member_patch_rows[1], quota_rows[4];
struct settings_body {
    json_t *values;
};
extern const struct json_field settings_rows[1];
struct user_patch_body {
    char *email, *full_name, *role, *password;
    bool active, has_email, has_full_name, has_active;
};
struct setup_body {
    char *token, *password, *username, *email, *full_name;
};
struct mfa_begin_body {
    char *password;
};
struct otp_body {
    char *otp;
};
extern const struct json_field setup_rows[5], mfa_begin_rows[1], otp_rows[1];
struct api_key_body {
    char *name, *expires_at;
    struct strv scopes;
};
extern const struct json_field login_rows[3], refresh_rows[1], change_password_rows[2], session_rows[8],
    ticket_rows[1], share_rows[4], agent_token_rows[1], register_rows[6], user_rows[5], user_patch_rows[5],
    api_key_rows[3];

/* health.c */
void oidc_login_get(struct call *call);
void oidc_callback_get(struct call *call);

void health_get(struct call *call);
void readyz_get(struct call *call);
void version_get(struct call *call);
void metrics_get(struct call *call);
void dashboard_get(struct call *call);
/* openapi.c */
void openapi_get(struct call *call);
void api_docs_get(struct call *call);
void api_docs_file_get(struct call *call);
/* auth.c */
void auth_login(struct call *call);
void auth_refresh(struct call *call);
void auth_logout(struct call *call);
void auth_me(struct call *call);
void auth_change_password(struct call *call);
/* What signing in is answered with; cookies are the caller's business. */
void auth_answer(struct call *call, int status, const struct login_tokens *tokens, const struct user *user);
/* setup.c */
void methods_get(struct call *call);
void setup_get(struct call *call);
void setup_post(struct call *call);
/* logins.c */
void login_list_get(struct call *call);
void login_delete_one(struct call *call);
/* mfa.c */
void mfa_begin_post(struct call *call);
void mfa_verify_post(struct call *call);
void mfa_codes_post(struct call *call);
void mfa_delete(struct call *call);
void user_mfa_delete(struct call *call);
void user_logins_delete(struct call *call);
/* users.c */
/* As the API shows it, with the names of the groups; on an error of the database the writer fails. */
void user_write_json(struct call *call, const struct user *user, struct json_writer *w);
void user_create_post(struct call *call);
void user_list_get(struct call *call);
/* groups.c */
void group_list_get(struct call *call);
void group_create_post(struct call *call);
void group_get_one(struct call *call);
void group_patch(struct call *call);
void group_delete_one(struct call *call);
void member_list_get(struct call *call);
void member_add_post(struct call *call);
void member_patch(struct call *call);
void member_delete(struct call *call);
/* quotas.c */
void user_quota_get(struct call *call);
void user_quota_put(struct call *call);
void user_quota_delete(struct call *call);
void group_quota_get(struct call *call);
void group_quota_put(struct call *call);
void group_quota_delete(struct call *call);
void user_get_one(struct call *call);
void user_patch(struct call *call);
void user_delete_one(struct call *call);
/* signing_keys.c */
void signing_key_list_get(struct call *call);
void signing_key_post(struct call *call);
/* api_keys.c */
void api_key_list_get(struct call *call);
void api_key_post(struct call *call);
void api_key_delete_one(struct call *call);
/* sessions.c */
void session_create_post(struct call *call);
void session_list_get(struct call *call);
void session_get_one(struct call *call);
void session_patch(struct call *call);
void session_delete(struct call *call);
/* streams.c */
void session_ticket_post(struct call *call);
void session_stream(struct call *call);
enum ticket_mode ticket_mode_wanted(const char *mode); /* of a body; NULL: the best */
void ticket_answer(struct call *call, const char *session, const struct ticket *ticket); /* 201 */
/* shares.c */
void share_list_get(struct call *call);
void share_create_post(struct call *call);
void share_delete(struct call *call);
void share_link_get(struct call *call);
void share_link_ticket_post(struct call *call);
/* templates.c */
void template_list_get(struct call *call);
void template_get_one(struct call *call);
/* template_edit.c */
void template_post(struct call *call);
void template_put_one(struct call *call);
void template_delete_one(struct call *call);
void template_import_post(struct call *call);
extern const char *const template_types[], *const yaml_types[]; /* media types of the bodies */
/* agents.c */
void agent_list_get(struct call *call);
void agent_get_one(struct call *call);
void agent_patch(struct call *call);
void agent_delete_one(struct call *call);
void agent_token_post(struct call *call);
void agent_token_list_get(struct call *call);
void agent_token_delete_one(struct call *call);
void agent_register_post(struct call *call);
void agent_connect_get(struct call *call);
void agent_stream_get(struct call *call);
/* commands.c */
void command_list_get(struct call *call);
void command_get_one(struct call *call);
/* audit.c */
void audit_list_get(struct call *call);
void audit_export_get(struct call *call);
/* settings.c */
void settings_get(struct call *call);
void settings_patch(struct call *call);
/* events.c */
void events_get(struct call *call);

#endif
