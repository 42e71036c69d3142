/* Groups and who is in them. */
#include "api/call.h"
#include "api/resources.h"
#include "control/groups/group.h"

static void answer_group(struct call *call, int status, const struct group *group) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    group_write_json(group, &w);
    call_json(call, status, &w);
}

static void answer_member(struct call *call, int status, const struct group_member *member) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    group_member_write_json(member, &w);
    call_json(call, status, &w);
}

/* All of them for administrators; for others those that they manage. */
void group_list_get(struct call *call) {
    struct err err = {0};
    struct group_list list = {0};
    struct group_filter filter = {.manager_id = actor_is_admin(&call->actor) ? 0 : call->actor.user_id,
                                  .search = http_query(call->request, "search"),
                                  .after = http_query(call->request, "cursor")};
    if (call_limit(call, &filter.limit, &err) < 0 || group_list(call->conn, &filter, &list, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "groups");
    for (size_t i = 0; i < list.count; i++)
        group_write_json(&list.items[i], &w);
    jsonw_array_end(&w);
    call_list_end(&w, list.total, list.more && list.count ? list.items[list.count - 1].name : NULL);
    jsonw_object_end(&w);
    group_list_finish(&list);
    call_json(call, 200, &w);
}

void group_create_post(struct call *call) {
    const struct group_body *body = call->body;
    struct err err = {0};
    struct group group;
    struct group_fields fields = {.display_name = body->display_name, .description = body->description};
    if (group_create(call->conn, &call->actor, body->name, &fields, &group, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    answer_group(call, 201, &group);
}

void group_get_one(struct call *call) {
    answer_group(call, 200, &call->group);
}

/* null takes the text away. */
static const char *changed(bool given, const char *text) {
    return !given ? NULL : text ? text : "";
}

void group_patch(struct call *call) {
    const struct group_patch_body *body = call->body;
    struct err err = {0};
    struct group group;
    struct group_fields fields = {.display_name = changed(body->has_display_name, body->display_name),
                                  .description = changed(body->has_description, body->description)};
    if (group_update(call->conn, &call->actor, call_param(call, 0), &fields, &group, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    answer_group(call, 200, &group);
}

void group_delete_one(struct call *call) {
    struct err err = {0};
    if (group_delete(call->conn, &call->actor, call_param(call, 0), &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}

/* --- members --- */

void member_list_get(struct call *call) {
    struct err err = {0};
    unsigned limit;
    struct group_member_list list = {0};
    if (call_limit(call, &limit, &err) < 0 ||
        group_list_members(call->conn, call->group.id, http_query(call->request, "cursor"), limit, &list,
                           &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "members");
    for (size_t i = 0; i < list.count; i++)
        group_member_write_json(&list.items[i], &w);
    jsonw_array_end(&w);
    call_list_end(&w, list.total, list.more && list.count ? list.items[list.count - 1].username : NULL);
    jsonw_object_end(&w);
    group_member_list_finish(&list);
    call_json(call, 200, &w);
}

void member_add_post(struct call *call) {
    const struct member_body *body = call->body;
    struct err err = {0};
    struct group_member member;
    if (group_add_member(call->conn, &call->actor, call->group.name, body->username,
                         group_role_parse(body->role), &member, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    answer_member(call, 201, &member);
}

void member_patch(struct call *call) {
    const struct member_patch_body *body = call->body;
    struct err err = {0};
    struct group_member member;
    if (group_set_member_role(call->conn, &call->actor, call_param(call, 0), call_param(call, 1),
                              group_role_parse(body->role), &member, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    answer_member(call, 200, &member);
}

void member_delete(struct call *call) {
    struct err err = {0};
    if (group_remove_member(call->conn, &call->actor, call->group.name, call_param(call, 1), &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}
