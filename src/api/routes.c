/* The route table: what there is, who may, and what it takes. docs/api.md and openapi.yaml tell the same
 * story; tests hold the three together. Within a path, literal parts stand before {parameters}. */
#include "api/logs.h"
#include "api/resources.h"
#include "api/route.h"
#include "api/screenshot.h"

#define V1 "/api/v1"
#define QUERY(...)                                                                                           \
    (const char *const[]) {                                                                                  \
        __VA_ARGS__, NULL                                                                                    \
    }

const struct route route_table[] = {
    /* --- the process --- */
    {"getHealth", "GET", "/health", ROUTE_ANYONE, .handler = health_get, .flags = ROUTE_LOG_QUIETLY},
    {"getReadiness", "GET", "/readyz", ROUTE_ANYONE, .handler = readyz_get, .flags = ROUTE_LOG_QUIETLY},
    {"getVersion", "GET", "/version", ROUTE_ANYONE, .handler = version_get, .flags = ROUTE_LOG_QUIETLY},
    {"getMetrics", "GET", "/metrics", ROUTE_ANYONE, .handler = metrics_get, .flags = ROUTE_LOG_QUIETLY},
    {"getApiVersion", "GET", V1 "/version", ROUTE_ANYONE, .handler = version_get, .flags = ROUTE_LOG_QUIETLY},
    {"getOpenApi", "GET", "/api/openapi.json", ROUTE_ANYONE, .handler = openapi_get},
    {"getApiDocs", "GET", "/api/docs", ROUTE_ANYONE, .handler = api_docs_get},
    {"getApiDocsFile", "GET", "/api/docs/{file}", ROUTE_ANYONE, .handler = api_docs_file_get},

    /* --- signing in --- */
    {"login", "POST", V1 "/auth/login", ROUTE_ANYONE, .handler = auth_login, .flags = ROUTE_SLOW,
     ROUTE_BODY(login_rows, struct login_body), .body_max = 16 * 1024},
    {"refresh", "POST", V1 "/auth/refresh", ROUTE_ANYONE, .handler = auth_refresh,
     ROUTE_BODY(refresh_rows, struct refresh_body), .body_max = 16 * 1024},
    {"logout", "POST", V1 "/auth/logout", ROUTE_USER, .handler = auth_logout},
    {"beginOidc", "GET", V1 "/auth/oidc/login", ROUTE_ANYONE, .handler = oidc_login_get,
     .flags = ROUTE_REMOTE, .query = QUERY("next")},
    {"finishOidc", "GET", V1 "/auth/oidc/callback", ROUTE_ANYONE, .handler = oidc_callback_get,
     .flags = ROUTE_REMOTE | ROUTE_ANY_QUERY, .query = QUERY("code", "state", "iss", "error")},
    {"getMe", "GET", V1 "/auth/me", ROUTE_USER, .flags = ROUTE_PROBE, .handler = auth_me, .area = SCOPE_ANY},
    {"changePassword", "POST", V1 "/auth/change-password", ROUTE_USER, .handler = auth_change_password,
     .flags = ROUTE_SLOW, ROUTE_BODY(change_password_rows, struct change_password_body),
     .body_max = 16 * 1024},

    {"listSignInMethods", "GET", V1 "/auth/methods", ROUTE_ANYONE, .handler = methods_get},
    {"getSetup", "GET", V1 "/auth/setup", ROUTE_ANYONE, .handler = setup_get},
    {"finishSetup", "POST", V1 "/auth/setup", ROUTE_ANYONE, .handler = setup_post, .flags = ROUTE_SLOW,
     ROUTE_BODY(setup_rows, struct setup_body), .body_max = 16 * 1024},
    {"listLogins", "GET", V1 "/auth/logins", ROUTE_USER, .handler = login_list_get,
     .query = QUERY("limit", "cursor")},
    {"endLogin", "DELETE", V1 "/auth/logins/{id}", ROUTE_USER, .handler = login_delete_one},
    {"beginTotp", "POST", V1 "/auth/mfa/totp", ROUTE_USER, .handler = mfa_begin_post, .flags = ROUTE_SLOW,
     ROUTE_BODY(mfa_begin_rows, struct mfa_begin_body), .body_max = 16 * 1024},
    {"confirmTotp", "POST", V1 "/auth/mfa/totp/verify", ROUTE_USER, .handler = mfa_verify_post,
     ROUTE_BODY(otp_rows, struct otp_body), .body_max = 16 * 1024},
    {"endTotp", "DELETE", V1 "/auth/mfa/totp", ROUTE_USER, .handler = mfa_delete,
     ROUTE_BODY(otp_rows, struct otp_body), .body_max = 16 * 1024},
    {"newBackupCodes", "POST", V1 "/auth/mfa/backup-codes", ROUTE_USER, .handler = mfa_codes_post,
     ROUTE_BODY(otp_rows, struct otp_body), .body_max = 16 * 1024},

    /* --- users --- */
    {"createUser", "POST", V1 "/users", ROUTE_ADMIN, .handler = user_create_post, .area = SCOPE_USERS,
     .flags = ROUTE_SLOW, ROUTE_BODY(user_rows, struct user_body)},
    {"listUsers", "GET", V1 "/users", ROUTE_ADMIN, .handler = user_list_get, .area = SCOPE_USERS,
     .query = QUERY("search", "role", "active", "limit", "cursor")},
    {"getUser", "GET", V1 "/users/{username}", ROUTE_USER, ROUTE_ACCOUNT, .handler = user_get_one,
     .area = SCOPE_USERS},
    {"updateUser", "PATCH", V1 "/users/{username}", ROUTE_USER, ROUTE_ACCOUNT, .handler = user_patch,
     .area = SCOPE_USERS, .flags = ROUTE_SLOW, ROUTE_BODY(user_patch_rows, struct user_patch_body)},
    {"deleteUser", "DELETE", V1 "/users/{username}", ROUTE_ADMIN, ROUTE_ACCOUNT, .handler = user_delete_one,
     .area = SCOPE_USERS},
    {"resetUserMfa", "DELETE", V1 "/users/{username}/mfa", ROUTE_ADMIN, ROUTE_ACCOUNT,
     .handler = user_mfa_delete, .area = SCOPE_USERS},
    {"endUserLogins", "DELETE", V1 "/users/{username}/logins", ROUTE_ADMIN, ROUTE_ACCOUNT,
     .handler = user_logins_delete, .area = SCOPE_USERS},

    /* --- keys of access tokens --- */
    {"listSigningKeys", "GET", V1 "/admin/signing-keys", ROUTE_ADMIN, .handler = signing_key_list_get,
     .area = SCOPE_SETTINGS},
    {"rotateSigningKey", "POST", V1 "/admin/signing-keys", ROUTE_ADMIN, .handler = signing_key_post,
     .area = SCOPE_SETTINGS},

    /* --- API keys --- */
    {"listApiKeys", "GET", V1 "/api-keys", ROUTE_USER, .handler = api_key_list_get,
     .query = QUERY("user", "limit", "cursor")},
    {"createApiKey", "POST", V1 "/api-keys", ROUTE_USER, .handler = api_key_post,
     ROUTE_BODY(api_key_rows, struct api_key_body), .body_max = 16 * 1024},
    {"deleteApiKey", "DELETE", V1 "/api-keys/{id}", ROUTE_USER, .handler = api_key_delete_one},

    {"getUserQuota", "GET", V1 "/users/{username}/quota", ROUTE_USER, .handler = user_quota_get,
     .area = SCOPE_USERS},
    {"setUserQuota", "PUT", V1 "/users/{username}/quota", ROUTE_ADMIN, .handler = user_quota_put,
     .area = SCOPE_USERS, ROUTE_BODY(quota_rows, struct quota_body), .body_max = 16 * 1024},
    {"clearUserQuota", "DELETE", V1 "/users/{username}/quota", ROUTE_ADMIN, .handler = user_quota_delete,
     .area = SCOPE_USERS},

    /* --- groups --- */
    {"listGroups", "GET", V1 "/groups", ROUTE_USER, .handler = group_list_get, .area = SCOPE_GROUPS,
     .query = QUERY("search", "limit", "cursor")},
    {"createGroup", "POST", V1 "/groups", ROUTE_ADMIN, .handler = group_create_post, .area = SCOPE_GROUPS,
     ROUTE_BODY(group_rows, struct group_body), .body_max = 16 * 1024},
    {"getGroup", "GET", V1 "/groups/{name}", ROUTE_USER, ROUTE_GROUP, .handler = group_get_one,
     .area = SCOPE_GROUPS},
    {"updateGroup", "PATCH", V1 "/groups/{name}", ROUTE_ADMIN, .handler = group_patch, .area = SCOPE_GROUPS,
     ROUTE_BODY(group_patch_rows, struct group_patch_body), .body_max = 16 * 1024},
    {"deleteGroup", "DELETE", V1 "/groups/{name}", ROUTE_ADMIN, .handler = group_delete_one,
     .area = SCOPE_GROUPS},
    {"listGroupMembers", "GET", V1 "/groups/{name}/members", ROUTE_USER, ROUTE_GROUP,
     .handler = member_list_get, .area = SCOPE_GROUPS, .query = QUERY("limit", "cursor")},
    {"addGroupMember", "POST", V1 "/groups/{name}/members", ROUTE_USER, ROUTE_GROUP,
     .handler = member_add_post, .area = SCOPE_GROUPS, ROUTE_BODY(member_rows, struct member_body),
     .body_max = 16 * 1024},
    {"updateGroupMember", "PATCH", V1 "/groups/{name}/members/{username}", ROUTE_ADMIN,
     .handler = member_patch, .area = SCOPE_GROUPS, ROUTE_BODY(member_patch_rows, struct member_patch_body),
     .body_max = 16 * 1024},
    {"removeGroupMember", "DELETE", V1 "/groups/{name}/members/{username}", ROUTE_USER, ROUTE_GROUP,
     .handler = member_delete, .area = SCOPE_GROUPS},
    {"getGroupQuota", "GET", V1 "/groups/{name}/quota", ROUTE_USER, ROUTE_GROUP, .handler = group_quota_get,
     .area = SCOPE_GROUPS},
    {"setGroupQuota", "PUT", V1 "/groups/{name}/quota", ROUTE_ADMIN, .handler = group_quota_put,
     .area = SCOPE_GROUPS, ROUTE_BODY(quota_rows, struct quota_body), .body_max = 16 * 1024},
    {"clearGroupQuota", "DELETE", V1 "/groups/{name}/quota", ROUTE_ADMIN, .handler = group_quota_delete,
     .area = SCOPE_GROUPS},

    /* --- sessions --- */
    {"createSession", "POST", V1 "/sessions", ROUTE_USER, .handler = session_create_post,
     .area = SCOPE_SESSIONS, ROUTE_BODY(session_rows, struct session_body)},
    {"listSessions", "GET", V1 "/sessions", ROUTE_USER, .handler = session_list_get, .area = SCOPE_SESSIONS,
     .query = QUERY("user", "state", "tag", "template", "agent", "search", "shared", "limit", "cursor")},
    {"getSession", "GET", V1 "/sessions/{name}", ROUTE_USER, ROUTE_SESSION_GUEST, .handler = session_get_one,
     .area = SCOPE_SESSIONS},
    {"updateSession", "PATCH", V1 "/sessions/{name}", ROUTE_USER, ROUTE_SESSION, .handler = session_patch,
     .area = SCOPE_SESSIONS, ROUTE_BODY(session_patch_rows, struct session_patch_body)},
    {"deleteSession", "DELETE", V1 "/sessions/{name}", ROUTE_USER, ROUTE_SESSION, .handler = session_delete,
     .area = SCOPE_SESSIONS},
    {"createTicket", "POST", V1 "/sessions/{name}/tickets", ROUTE_USER, ROUTE_SESSION_GUEST,
     .handler = session_ticket_post, .area = SCOPE_SESSIONS, .flags = ROUTE_BODY_OPTIONAL,
     ROUTE_BODY(ticket_rows, struct ticket_body)},
    {"openStream", "GET", V1 "/sessions/{name}/stream", ROUTE_TICKET, .handler = session_stream,
     .query = QUERY("ticket")},
    {"getSessionLogs", "GET", V1 "/sessions/{name}/logs", ROUTE_USER, ROUTE_SESSION, .handler = session_logs,
     .area = SCOPE_SESSIONS, .query = QUERY("follow")},

    {"getScreenshot", "GET", V1 "/sessions/{name}/screenshot.png", ROUTE_USER, ROUTE_SESSION,
     .handler = session_screenshot, .area = SCOPE_SESSIONS},

    {"listShares", "GET", V1 "/sessions/{name}/shares", ROUTE_USER, ROUTE_SESSION, .handler = share_list_get,
     .area = SCOPE_SESSIONS},
    {"createShare", "POST", V1 "/sessions/{name}/shares", ROUTE_USER, ROUTE_SESSION,
     .handler = share_create_post, .area = SCOPE_SESSIONS, ROUTE_BODY(share_rows, struct share_body),
     .body_max = 16 * 1024},
    {"deleteShare", "DELETE", V1 "/sessions/{name}/shares/{id}", ROUTE_USER, ROUTE_SESSION,
     .handler = share_delete, .area = SCOPE_SESSIONS},
    {"getSharedSession", "GET", V1 "/shares/{token}", ROUTE_LINK, .handler = share_link_get},
    {"createSharedTicket", "POST", V1 "/shares/{token}/tickets", ROUTE_LINK,
     .handler = share_link_ticket_post, .flags = ROUTE_BODY_OPTIONAL,
     ROUTE_BODY(ticket_rows, struct ticket_body), .body_max = 16 * 1024},

    /* --- templates --- */
    {"listTemplates", "GET", V1 "/templates", ROUTE_USER, .handler = template_list_get,
     .area = SCOPE_TEMPLATES, .query = QUERY("category", "search", "limit", "cursor", "format")},
    {"createTemplate", "POST", V1 "/templates", ROUTE_OPERATOR, .handler = template_post,
     .types = template_types, .area = SCOPE_TEMPLATES, .query = QUERY("dryRun")},
    {"importTemplates", "POST", V1 "/templates/import", ROUTE_OPERATOR, .handler = template_import_post,
     .types = yaml_types, .area = SCOPE_TEMPLATES, .query = QUERY("dryRun")},
    {"getTemplate", "GET", V1 "/templates/{name}", ROUTE_USER, .handler = template_get_one,
     .area = SCOPE_TEMPLATES, .query = QUERY("format")},
    {"putTemplate", "PUT", V1 "/templates/{name}", ROUTE_OPERATOR, .handler = template_put_one,
     .types = template_types, .area = SCOPE_TEMPLATES, .query = QUERY("dryRun")},
    {"deleteTemplate", "DELETE", V1 "/templates/{name}", ROUTE_OPERATOR, .handler = template_delete_one,
     .area = SCOPE_TEMPLATES},

    /* --- agents and their commands --- */
    {"createAgentToken", "POST", V1 "/admin/agent-tokens", ROUTE_ADMIN, .handler = agent_token_post,
     .area = SCOPE_AGENTS, .flags = ROUTE_BODY_OPTIONAL,
     ROUTE_BODY(agent_token_rows, struct agent_token_body)},
    {"listAgentTokens", "GET", V1 "/admin/agent-tokens", ROUTE_ADMIN, .handler = agent_token_list_get,
     .area = SCOPE_AGENTS, .query = QUERY("limit", "cursor")},
    {"deleteAgentToken", "DELETE", V1 "/admin/agent-tokens/{id}", ROUTE_ADMIN,
     .handler = agent_token_delete_one, .area = SCOPE_AGENTS},
    {"registerAgent", "POST", V1 "/agents/register", ROUTE_AGENT, .handler = agent_register_post,
     ROUTE_BODY(register_rows, struct register_body), .body_max = 256 * 1024},
    {"connectAgent", "GET", V1 "/agents/connect", ROUTE_AGENT, .handler = agent_connect_get,
     .query = QUERY("agent_id")},
    {"openAgentStream", "GET", V1 "/agents/streams/{streamId}", ROUTE_AGENT, .handler = agent_stream_get},
    {"listAgents", "GET", V1 "/agents", ROUTE_OPERATOR, .handler = agent_list_get, .area = SCOPE_AGENTS,
     .query = QUERY("limit", "cursor")},
    {"getAgent", "GET", V1 "/agents/{agentId}", ROUTE_OPERATOR, .handler = agent_get_one,
     .area = SCOPE_AGENTS},
    {"updateAgent", "PATCH", V1 "/agents/{agentId}", ROUTE_ADMIN, .handler = agent_patch,
     .area = SCOPE_AGENTS, ROUTE_BODY(agent_patch_rows, struct agent_patch_body), .body_max = 64 * 1024},
    {"deleteAgent", "DELETE", V1 "/agents/{agentId}", ROUTE_ADMIN, .handler = agent_delete_one,
     .area = SCOPE_AGENTS, .query = QUERY("force")},
    {"listCommands", "GET", V1 "/commands", ROUTE_OPERATOR, .handler = command_list_get, .area = SCOPE_AGENTS,
     .query = QUERY("agent", "session", "status", "limit", "cursor")},
    {"getCommand", "GET", V1 "/commands/{commandId}", ROUTE_OPERATOR, .handler = command_get_one,
     .area = SCOPE_AGENTS},

    /* --- what happened, and how the server is set --- */
    {"listAudit", "GET", V1 "/audit", ROUTE_ADMIN, .handler = audit_list_get, .area = SCOPE_AUDIT,
     .query = QUERY("user", "action", "target", "outcome", "from", "to", "search", "limit", "cursor")},
    {"exportAudit", "GET", V1 "/audit/export", ROUTE_ADMIN, .handler = audit_export_get, .area = SCOPE_AUDIT,
     .query = QUERY("format", "user", "action", "target", "outcome", "from", "to", "search")},
    {"getSettings", "GET", V1 "/settings", ROUTE_ADMIN, .handler = settings_get, .area = SCOPE_SETTINGS},
    {"updateSettings", "PATCH", V1 "/settings", ROUTE_ADMIN, .handler = settings_patch,
     .area = SCOPE_SETTINGS, ROUTE_BODY(settings_rows, struct settings_body), .body_max = 64 * 1024},

    /* --- watching --- */
    {"watchEvents", "GET", V1 "/events", ROUTE_USER, .handler = events_get, .area = SCOPE_SESSIONS},
    {"getDashboard", "GET", V1 "/dashboard", ROUTE_OPERATOR, .handler = dashboard_get, .area = SCOPE_AGENTS},
};
const size_t route_count = sizeof route_table / sizeof route_table[0];
