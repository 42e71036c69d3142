/* Files of templates: whatever is taken comes back the same from the file that is written of it, and whatever
 * is refused says so in words. */
#include "fuzz.h"

#include "base/cleanup.h"
#include "control/templates/template_draft.h"
#include "json/fields.h"
#include "json/yaml.h"

static void check_draft(const struct template_draft *draft) {
    struct strbuf text = STRBUF_MAX(YAML_TEXT_MAX);
    struct template_drafts again = {0};
    struct template_problems problems = {0};
    if (!id_is_template(draft->name) ||
        !template_write_yaml(draft->name, draft->spec, draft->enabled, &draft->groups, &text) ||
        template_drafts_yaml(text.data, text.length, &again, &problems) < 0 || again.count != 1 ||
        !json_equal(again.items[0].spec, draft->spec) || again.items[0].enabled != draft->enabled ||
        again.items[0].groups.count != draft->groups.count)
        abort();
    template_drafts_finish(&again);
    template_problems_finish(&problems);
    strbuf_finish(&text);
}

static void check_problems(const struct template_problems *problems) {
    if (!problems->count || problems->count > TEMPLATE_PROBLEMS_MAX)
        abort();
    for (size_t i = 0; i < problems->count; i++) {
        const struct template_problem *problem = &problems->items[i];
        if (!*problem->message || !*problem->code ||
            !str_is_utf8(problem->message, strlen(problem->message)) ||
            !str_is_utf8(problem->field, strlen(problem->field)))
            abort();
    }
}

/* Any YAML that is read is written as YAML that reads the same. */
static void check_values(const char *text, size_t length) {
    struct yaml_documents documents, again;
    struct yaml_fault fault;
    if (yaml_read(text, length, 100, &documents, &fault) < 0) {
        if (!*fault.message || documents.count)
            abort();
        return;
    }
    for (size_t i = 0; i < documents.count; i++) {
        struct strbuf out = STRBUF_MAX(16 * YAML_TEXT_MAX);
        if (!yaml_write(documents.items[i].value, &out))
            abort();
        if (out.length <= YAML_TEXT_MAX) {
            if (yaml_read(out.data, out.length, 1, &again, &fault) < 0 || again.count != 1 ||
                !json_equal(again.items[0].value, documents.items[i].value))
                abort();
            yaml_documents_finish(&again);
        }
        strbuf_finish(&out);
    }
    yaml_documents_finish(&documents);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct template_drafts drafts = {0};
    struct template_problems problems = {0};
    const char *text = size ? (const char *)data : "";
    if (template_drafts_yaml(text, size, &drafts, &problems) == 0) {
        for (size_t i = 0; i < drafts.count; i++)
            check_draft(&drafts.items[i]);
    } else
        check_problems(&problems);
    template_drafts_finish(&drafts);
    template_problems_finish(&problems);
    check_values(text, size);
    return 0;
}
