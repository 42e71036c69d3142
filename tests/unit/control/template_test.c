/* Templates: drafts from bodies and files, what is made of them, and the catalogue that shows them. */
#include "rig.h"

#include "control/groups/group.h"
#include "control/templates/builtin.h"
#include "control/templates/catalogue.h"
#include "control/templates/template_edit.h"
#include "json/fields.h"

static struct rig r;

static int setup(void **unused) {
    rig_open(&r);
    return 0;
}

static int teardown(void **unused) {
    rig_close(&r);
    return 0;
}

#define FILE_OF(name, spec)                                                                                  \
    "apiVersion: stream.space/v1alpha1\nkind: Template\nmetadata: {name: " name "}\nspec:\n" spec

/* The file has this problem first. */
static void assert_problem(const char *text, const char *field, unsigned line, unsigned column,
                           const char *message) {
    struct template_drafts drafts = {0};
    struct template_problems problems = {0};
    assert_int_equal(template_drafts_yaml(text, strlen(text), &drafts, &problems), -1);
    assert_true(problems.count > 0);
    const struct template_problem *first = &problems.items[0];
    if (!str_eq(first->field, field) || first->line != line || first->column != column ||
        !strstr(first->message, message))
        fail_msg("%s: got %s %u:%u %s", text, first->field, first->line, first->column, first->message);
    template_problems_finish(&problems);
    template_drafts_finish(&drafts);
}

static struct template_draft draft_of(const char *text) {
    struct template_drafts drafts = {0};
    struct template_problems problems = {0};
    if (template_drafts_yaml(text, strlen(text), &drafts, &problems) < 0)
        fail_msg("%s: %s", problems.items[0].field, problems.items[0].message);
    assert_int_equal(drafts.count, 1);
    struct template_draft draft = drafts.items[0];
    drafts.items[0] = (struct template_draft){0};
    template_drafts_finish(&drafts);
    return draft;
}

static void faults_name_field_line_and_column(void **unused) {
    assert_problem("", "", 0, 0, "no document");
    assert_problem("- a\n", "", 1, 1, "mapping");
    assert_problem("a: &x 1\n", "", 1, 4, "anchors");
    assert_problem("a: 1\nb: *x\n", "", 2, 4, "aliases");
    assert_problem("a: !!str 1\n", "", 1, 4, "tags");
    assert_problem("a: 1\na: 2\n", "", 2, 1, "second time");
    assert_problem("a: \"\\0\"\n", "", 1, 4, "NUL");
    assert_problem("a: [\n", "", 2, 1, "did not find");
    assert_problem("kind: Template\n", "apiVersion", 1, 1, "missing");
    assert_problem(FILE_OF("Big", "  {displayName: A, command: [a]}\n"), "metadata.name", 3, 18, "must be");
    assert_problem(FILE_OF("a", "  displayName: 5\n  command: [a]\n"), "spec.displayName", 5, 16, "quotes");
    assert_problem(FILE_OF("a", "  displayName: A\n  comand: [a]\n"), "spec.baseImage", 5, 3,
                   "nothing to run");
    assert_problem(FILE_OF("a", "  displayName: A\n  kasmvnc: {}\n  command: [a]\n"), "spec.kasmvnc", 6, 3,
                   "is vnc meant?");
    assert_problem(FILE_OF("a", "  displayName: A\n  command: [a]\n  vnc:\n    port: 0\n"), "spec.vnc.port",
                   8, 11, "1 to 65535");
    assert_problem(FILE_OF("a", "  displayName: A\n  command: [a]\n  vnc: {enabled: yes}\n"),
                   "spec.vnc.enabled", 7, 18, "true or false");
    assert_problem(FILE_OF("a", "  displayName: A\n  command: [a]\n  defaultResources: {cpu: 2}\n"
                                "  maxResources: {cpu: 1}\n"),
                   "spec.maxResources.cpu", 8, 23, "less than the default");
    assert_problem(FILE_OF("a", "  displayName: A\n  baseImage: x\n  runtimes: [local]\n"), "spec.command", 5,
                   3, "local needs it");
    assert_problem(
        FILE_OF("a", "  displayName: A\n  command: [a]\n  protocol: vnc\n  webapp: {enabled: true}\n"),
        "spec.protocol", 7, 13, "only webapp");
    assert_problem(FILE_OF("a", "  displayName: A\n  command: [a]\n") "---\n" FILE_OF(
                       "a", "  displayName: A\n  command: [a]\n"),
                   "metadata.name", 10, 18, "document 1's");
}

static void all_faults_are_told(void **unused) {
    static const char text[] = FILE_OF("a", "  displayName: 1\n  gl: 2\n  nonsense: 3\n  command: [x]\n");
    struct template_drafts drafts = {0};
    struct template_problems problems = {0};
    struct err err = {0};
    assert_int_equal(template_drafts_yaml(text, strlen(text), &drafts, &problems), -1);
    assert_int_equal(problems.count, 3);
    template_problems_err(&problems, &err);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.code, "invalid_field");
    assert_string_equal(err.message,
                        "line 5, column 16: spec.displayName: must be a text: put it in quotes (and 2 more)");
    template_problems_finish(&problems);
    template_drafts_finish(&drafts);
}

static void endless_faults_are_cut(void **unused) {
    struct strbuf text = STRBUF_MAX(100000);
    strbuf_puts(&text, "apiVersion: stream.space/v1alpha1\nkind: Template\nmetadata: {name: a}\nspec:\n");
    for (int i = 0; i < 1000; i++)
        strbuf_printf(&text, "  wrong%d: 1\n", i);
    struct template_drafts drafts = {0};
    struct template_problems problems = {0};
    assert_int_equal(template_drafts_yaml(text.data, text.length, &drafts, &problems), -1);
    assert_int_equal(problems.count, TEMPLATE_PROBLEMS_MAX);
    template_problems_finish(&problems);
    template_drafts_finish(&drafts);
    strbuf_finish(&text);
}

static void defaults_are_written_out(void **unused) {
    _cleanup_draft_ struct template_draft draft = draft_of(FILE_OF(
        "web", "  displayName: Web\n  baseImage: lab/web:1\n  defaultResources: {cpu: 0.5, memory: 1024Mi}\n"
               "  capabilities: [Network]\n  webapp: {enabled: true, port: 8080}\n"
               "  env: [{name: A, value: 'b'}]\n  tags: []\n  description: ''\n"));
    _cleanup_json_ json_t *wanted = json_pack(
        "{s:s, s:s, s:s, s:{s:s, s:s}, s:[s], s:{s:b, s:i}, s:{s:s}, s:s, s:s}", "name", "web", "displayName",
        "Web", "image", "lab/web:1", "resources", "cpu", "500m", "memory", "1Gi", "capabilities", "Network",
        "webapp", "enabled", 1, "port", 8080, "env", "A", "b", "protocol", "http", "network", "outbound");
    assert_true(json_equal(draft.spec, wanted));
    assert_true(draft.enabled);
}

/* What was delivered passes the same checks as anybody's, and nothing of it is lost in a file. */
static void builtin_ones_come_back_from_their_files(void **unused) {
    const char *name;
    static const struct strv none = {0};
    for (size_t i = 0; (name = builtin_name(i)); i++) {
        _cleanup_json_ json_t *spec = builtin_spec_of(name);
        struct strbuf text = STRBUF_MAX(TEMPLATE_SPEC_MAX);
        assert_non_null(spec);
        assert_true(template_write_yaml(name, spec, true, &none, &text));
        _cleanup_draft_ struct template_draft draft = draft_of(strbuf_str(&text));
        assert_string_equal(draft.name, name);
        if (!json_equal(draft.spec, spec))
            fail_msg("%s comes back otherwise:\n%s", name, strbuf_str(&text));
        strbuf_finish(&text);
    }
    assert_null(builtin_spec_of("nope"));
}

static void everything_comes_back_from_a_file(void **unused) {
    _cleanup_draft_ struct template_draft draft = draft_of(FILE_OF(
        "all",
        "  displayName: \"yes\"\n  description: |\n    Two\n    lines, and: more\n  category: C\n  icon: "
        "firefox\n  "
        "protocol: vnc\n"
        "  baseImage: a/b@sha256:0123\n  command: [sh, -c, \"a\\nb  \\n\", '', '~', '0x1', 1e3x, ' lead']\n"
        "  env: {A: '', B: 'null', C: \"\\ttab\\nline\"}\n  programs: [sh]\n  packages: [dash]\n"
        "  network: outbound\n  windowManager: false\n  gl: true\n  onExit: restart\n  geometry: 1024x768\n"
        "  sandbox: {userNamespaces: true}\n  pidsMax: 64\n  homeSize: 3Gi\n  minResources: {cpu: 100m}\n"
        "  maxResources: {cpu: 3, memory: 1Gi}\n  idleTimeout: 90m\n  maxSessionDuration: 8h\n  ports: "
        "[{name: x, containerPort: 1, protocol: UDP}]\n"
        "  volumeMounts: [{name: h, mountPath: /h, readOnly: true}]\n  vnc: {enabled: true, port: 5900}\n"
        "  webapp: {enabled: false, path: /x}\n  capabilities: [Audio]\n  tags: [a, \"1.10\"]\n"
        "  runtimes: [docker]\n  placement: {region: eu, labels: {gpu: 'true'}}\n  enabled: false\n"
        "  groups: [staff]\n"));
    struct strbuf text = STRBUF_MAX(TEMPLATE_SPEC_MAX);
    assert_true(template_write_yaml(draft.name, draft.spec, draft.enabled, &draft.groups, &text));
    _cleanup_draft_ struct template_draft again = draft_of(strbuf_str(&text));
    assert_true(json_equal(draft.spec, again.spec));
    assert_false(again.enabled);
    assert_true(again.groups.count == 1 && str_eq(again.groups.items[0], "staff"));
    assert_int_equal(json_object_size(draft.spec), 32);
    strbuf_finish(&text);
}

/* --- changes --- */

static struct template_draft simple(const char *name, const char *title) {
    char text[512];
    snprintf(text, sizeof text, FILE_OF("%s", "  displayName: %s\n  command: [xterm]\n"), name, title);
    return draft_of(text);
}

static enum template_action put(const struct template_draft *draft) {
    struct err err = {0};
    enum template_action action;
    OK(template_put(r.c, &r.operator_, draft, TEMPLATE_PUT_ANY, false, &action, &err));
    return action;
}

static void changes_are_numbered_and_told(void **unused) {
    struct err err = {0};
    enum template_action action;
    _cleanup_draft_ struct template_draft draft = simple("mine", "Mine"), other = simple("mine", "Other");
    OK(template_put(r.c, &r.operator_, &draft, TEMPLATE_PUT_NEW, true, &action, &err));
    assert_int_equal(action, TEMPLATE_CREATED);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM templates WHERE name = 'mine'"), 0);
    assert_int_equal(put(&draft), TEMPLATE_CREATED);
    assert_int_equal(put(&draft), TEMPLATE_UNCHANGED);
    assert_int_equal(put(&other), TEMPLATE_UPDATED);
    assert_int_equal(query_number(r.c, "SELECT version FROM templates WHERE name = 'mine'"), 2);
    FAILS(template_put(r.c, &r.operator_, &draft, TEMPLATE_PUT_NEW, false, &action, &err), ERR_CONFLICT,
          "template_exists");
    draft.version = 1;
    FAILS(template_put(r.c, &r.operator_, &draft, TEMPLATE_PUT_ANY, false, &action, &err), ERR_CONFLICT,
          "template_changed");
    draft.version = 2;
    assert_int_equal(put(&draft), TEMPLATE_UPDATED);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE target = 'mine' AND action LIKE "
                                       "'template.%' AND outcome = 'allowed' AND username = 'olga'"),
                     3);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE action = 'template.update' AND "
                                       "detail = 'displayName'"),
                     2);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'template' AND data LIKE "
                                       "'%\"mine\"%' AND audience = '*'"),
                     3);
}

static void an_import_is_all_or_nothing(void **unused) {
    struct err err = {0};
    struct template_drafts drafts = {0};
    enum template_action actions[2];
    drafts.items = mem_zalloc(2 * sizeof *drafts.items);
    drafts.items[0] = simple("one", "One");
    drafts.items[1] = simple("two", "Two");
    drafts.count = 2;
    strv_add(&drafts.items[1].groups, "nobody-knows");
    FAILS(template_import(r.c, &r.operator_, &drafts, false, actions, &err), ERR_INVALID, "unknown_group");
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM templates WHERE name IN ('one', 'two')"), 0);
    strv_finish(&drafts.items[1].groups);
    OK(template_import(r.c, &r.operator_, &drafts, true, actions, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM templates WHERE name IN ('one', 'two')"), 0);
    OK(template_import(r.c, &r.operator_, &drafts, false, actions, &err));
    assert_true(actions[0] == TEMPLATE_CREATED && actions[1] == TEMPLATE_CREATED);
    template_drafts_finish(&drafts);
}

static void builtin_ones_are_overridden_and_reset(void **unused) {
    struct err err = {0};
    bool was_reset = false;
    FAILS(template_delete(r.c, &r.operator_, "gimp", &was_reset, &err), ERR_CONFLICT, "template_builtin");
    /* Switched off: still as delivered, and a new version of the program still brings its own. */
    struct template_draft off = {.spec = builtin_spec_of("gimp"), .enabled = false};
    str_copy(off.name, sizeof off.name, "gimp");
    assert_int_equal(put(&off), TEMPLATE_UPDATED);
    OK(db_exec(r.c, NULL, &err, "UPDATE templates SET spec = '{\"name\":\"gimp\"}' WHERE name = 'gimp'", ""));
    OK(template_install_builtin(r.c, &err));
    _cleanup_template_ struct template t = {0}, u = {0}, v = {0};
    OK(template_get(r.c, "gimp", &t, &err));
    assert_true(t.builtin && !t.overridden && !t.enabled && t.command.count > 0);
    /* Changed: ours from now on. */
    _cleanup_draft_ struct template_draft ours = simple("gimp", "Ours");
    assert_int_equal(put(&ours), TEMPLATE_UPDATED);
    OK(template_install_builtin(r.c, &err));
    OK(template_get(r.c, "gimp", &u, &err));
    assert_true(!u.builtin && u.overridden && u.enabled && str_eq(u.display_name, "Ours"));
    OK(template_delete(r.c, &r.operator_, "gimp", &was_reset, &err));
    OK(template_get(r.c, "gimp", &v, &err));
    assert_true(was_reset && v.builtin && !v.overridden && str_eq(v.display_name, "GIMP"));
    template_draft_finish(&off);
}

static void what_is_used_stays(void **unused) {
    struct err err = {0};
    bool was_reset;
    _cleanup_draft_ struct template_draft draft = simple("used", "Used");
    put(&draft);
    rig_agent(&r, "agent-1", 10);
    struct session session = {0};
    struct session_new fields = {.template_name = "used"};
    OK(session_create(r.c, &r.alice, &fields, &session, NULL, &err));
    FAILS(template_delete(r.c, &r.operator_, "used", &was_reset, &err), ERR_CONFLICT, "template_in_use");
    OK(db_exec(r.c, NULL, &err, "UPDATE sessions SET state = 'terminated'", ""));
    OK(template_delete(r.c, &r.operator_, "used", &was_reset, &err));
    assert_false(was_reset);
    FAILS(template_delete(r.c, &r.operator_, "used", &was_reset, &err), ERR_NOT_FOUND, "template_not_found");
    session_finish(&session);
}

static int start(const struct actor *actor, const char *name, int64_t cpu, struct err *err) {
    struct session session = {0};
    struct session_new fields = {.template_name = name, .cpu_millis = cpu};
    int status = session_create(r.c, actor, &fields, &session, NULL, err);
    session_finish(&session);
    return status;
}

static void groups_and_switches_are_honoured(void **unused) {
    struct err err = {0};
    struct group group;
    struct group_member member;
    OK(group_create(r.c, &r.admin, "staff", &(struct group_fields){0}, &group, &err));
    OK(group_add_member(r.c, &r.admin, "staff", "bob", GROUP_ROLE_MEMBER, &member, &err));
    rig_agent(&r, "agent-1", 10);
    _cleanup_draft_ struct template_draft draft = simple("staff-only", "Staff");
    strv_add(&draft.groups, "staff");
    put(&draft);
    FAILS(start(&r.alice, "staff-only", 0, &err), ERR_NOT_FOUND, "template_not_found");
    OK(start(&r.bob, "staff-only", 0, &err));
    OK(start(&r.operator_, "staff-only", 0, &err));
    draft.enabled = false;
    put(&draft);
    FAILS(start(&r.bob, "staff-only", 0, &err), ERR_NOT_FOUND, "template_not_found");
    FAILS(start(&r.operator_, "staff-only", 0, &err), ERR_CONFLICT, "template_disabled");
    /* Its name is told to operators alone. */
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'template' AND audience = '*' AND "
                          "data LIKE '%staff-only%'"),
        0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'template' AND audience = "
                                       "'operators' AND data LIKE '%staff-only%'"),
                     2);
    /* A group that has gone keeps it closed, and other changes are possible. */
    OK(group_delete(r.c, &r.admin, "staff", &err));
    draft.enabled = true;
    assert_int_equal(put(&draft), TEMPLATE_UPDATED);
    FAILS(start(&r.bob, "staff-only", 0, &err), ERR_NOT_FOUND, "template_not_found");
}

static void bounds_are_honoured(void **unused) {
    struct err err = {0};
    rig_agent(&r, "agent-1", 10);
    _cleanup_draft_ struct template_draft draft =
        draft_of(FILE_OF("bounded", "  displayName: B\n  command: [x]\n  defaultResources: {cpu: 1}\n"
                                    "  minResources: {cpu: 500m}\n  maxResources: {cpu: 2}\n"));
    put(&draft);
    FAILS(start(&r.alice, "bounded", 499, &err), ERR_INVALID, "invalid_field");
    assert_string_equal(err.field, "resources.cpu");
    assert_non_null(strstr(err.message, "from 500m to 2"));
    FAILS(start(&r.alice, "bounded", 2001, &err), ERR_INVALID, "invalid_field");
    OK(start(&r.alice, "bounded", 500, &err));
    OK(start(&r.alice, "bounded", 2000, &err));
    OK(start(&r.alice, "bounded", 0, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM sessions WHERE cpu_millis = 1000"), 1);
}

/* --- the catalogue --- */

static struct catalogue *catalogue;
static char tag[CATALOGUE_TAG_SIZE];

static json_t *list(const struct actor *actor, struct catalogue_query query) {
    struct err err = {0};
    struct strbuf text = STRBUF_MAX(16 << 20);
    OK(catalogue_list(catalogue, r.c, actor, &query, &text, tag, &err));
    json_t *answer = text.length ? json_loadb(text.data, text.length, 0, NULL) : NULL;
    strbuf_finish(&text);
    return answer;
}

static int64_t total(const struct actor *actor, struct catalogue_query query) {
    json_t *answer = list(actor, query);
    int64_t count = json_integer_value(json_object_get(answer, "total"));
    json_decref(answer);
    return count;
}

static void lists_are_filtered_and_paged(void **unused) {
    catalogue = catalogue_create("test");
    int64_t all = query_number(r.c, "SELECT COUNT(*) FROM templates");
    assert_int_equal(total(&r.alice, (struct catalogue_query){0}), all);
    assert_int_equal(total(&r.alice, (struct catalogue_query){.search = "mozilla's web browser (esr)"}), 1);
    assert_int_equal(total(&r.alice, (struct catalogue_query){.search = "%"}), 0);
    assert_int_equal(
        total(&r.alice, (struct catalogue_query){.search = "Spreadsheets", .category = "oFFice"}), 3);
    assert_int_equal(total(&r.alice, (struct catalogue_query){.category = "off"}), 0);
    char after[64] = "";
    int64_t seen = 0;
    for (bool more = true; more;) {
        json_t *page = list(&r.alice, (struct catalogue_query){.after = after, .limit = 7});
        json_t *items = json_object_get(page, "templates");
        const char *first = json_string_value(json_object_get(json_array_get(items, 0), "name"));
        assert_true(strcmp(first, after) > 0);
        seen += (int64_t)json_array_size(items);
        const char *next = json_string_value(json_object_get(page, "nextCursor"));
        more = next != NULL;
        str_copy(after, sizeof after, next ? next : "");
        json_decref(page);
    }
    assert_int_equal(seen, all);
    catalogue_destroy(catalogue);
}

static void what_is_shown_follows_every_change(void **unused) {
    struct err err = {0};
    catalogue = catalogue_create("test");
    json_decref(list(&r.alice, (struct catalogue_query){0}));
    char before[CATALOGUE_TAG_SIZE];
    str_copy(before, sizeof before, tag);
    assert_null(list(&r.alice, (struct catalogue_query){.if_none_match = before}));
    assert_string_equal(tag, before);
    /* An agent comes, lacks something, goes. */
    int64_t generation = rig_agent(&r, "agent-1", 10);
    json_t *answer =
        list(&r.alice, (struct catalogue_query){.if_none_match = before, .search = "photo retouching."});
    assert_non_null(answer);
    json_decref(answer);
    json_t *missing = json_pack("{s:s}", "gimp", "gimp is not installed: install gimp");
    OK(agent_set_missing_programs(r.c, "agent-1", generation, missing, &err));
    json_decref(missing);
    answer = list(&r.alice, (struct catalogue_query){.search = "photo retouching."});
    json_t *gimp = json_array_get(json_object_get(answer, "templates"), 0);
    assert_true(json_is_false(json_object_get(gimp, "available")));
    assert_string_equal(json_string_value(json_object_get(gimp, "unavailableReason")),
                        "gimp is not installed: install gimp");
    json_decref(answer);
    OK(agent_disconnected(r.c, "agent-1", generation, &err));
    answer = list(&r.alice, (struct catalogue_query){.search = "photo retouching."});
    gimp = json_array_get(json_object_get(answer, "templates"), 0);
    assert_true(json_is_true(json_object_get(gimp, "available")));
    json_decref(answer);
    /* A template is made. */
    _cleanup_draft_ struct template_draft draft = simple("brand-new", "New");
    put(&draft);
    assert_int_equal(total(&r.alice, (struct catalogue_query){.search = "brand-new"}), 1);
    catalogue_destroy(catalogue);
}

static void everybody_sees_his_own(void **unused) {
    struct err err = {0};
    struct group group;
    struct group_member member;
    catalogue = catalogue_create("test");
    OK(group_create(r.c, &r.admin, "staff", &(struct group_fields){0}, &group, &err));
    OK(group_add_member(r.c, &r.admin, "staff", "bob", GROUP_ROLE_MEMBER, &member, &err));
    _cleanup_draft_ struct template_draft draft = draft_of(
        FILE_OF("sec", "  displayName: Sec\n  command: [x]\n  env: {PASSWORD: hush}\n  groups: [staff]\n"));
    put(&draft);
    assert_int_equal(total(&r.alice, (struct catalogue_query){.search = "sec"}),
                     total(&r.bob, (struct catalogue_query){.search = "sec"}) - 1);
    struct strbuf text = STRBUF_MAX(1 << 20);
    OK(catalogue_get(catalogue, r.c, &r.bob, "sec", NULL, &text, tag, &err));
    assert_null(strstr(strbuf_str(&text), "hush"));
    assert_null(strstr(strbuf_str(&text), "groups"));
    strbuf_clear(&text);
    FAILS(catalogue_get(catalogue, r.c, &r.alice, "sec", NULL, &text, tag, &err), ERR_NOT_FOUND,
          "template_not_found");
    OK(catalogue_get(catalogue, r.c, &r.operator_, "sec", NULL, &text, tag, &err));
    assert_non_null(strstr(strbuf_str(&text), "hush"));
    assert_non_null(strstr(strbuf_str(&text), "\"agents\":[]"));
    _cleanup_json_ json_t *whole = json_loads(strbuf_str(&text), 0, NULL);
    assert_non_null(whole);
    strbuf_finish(&text);
    catalogue_destroy(catalogue);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_name_field_line_and_column),
        cmocka_unit_test(all_faults_are_told),
        cmocka_unit_test(endless_faults_are_cut),
        cmocka_unit_test(defaults_are_written_out),
        cmocka_unit_test(builtin_ones_come_back_from_their_files),
        cmocka_unit_test(everything_comes_back_from_a_file),
        T(changes_are_numbered_and_told),
        T(an_import_is_all_or_nothing),
        T(builtin_ones_are_overridden_and_reset),
        T(what_is_used_stays),
        T(groups_and_switches_are_honoured),
        T(bounds_are_honoured),
        T(lists_are_filtered_and_paged),
        T(what_is_shown_follows_every_change),
        T(everybody_sees_his_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
