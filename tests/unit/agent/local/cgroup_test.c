/* Where control groups are, read from texts; and what is written into them, in directories that stand in for
 * them. */
#include "../../test.h"

#include "agent/local/cgroup.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

static const struct cgroup_mount *mount_of(const struct cgroup_mounts *mounts, enum cgroup_part part) {
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->items[i].parts & (1u << part))
            return &mounts->items[i];
    return NULL;
}

static void version_2(void **state) {
    struct cgroup_mounts mounts;
    cgroup_mounts_parse(
        &mounts,
        "22 28 0:20 / /sys rw,nosuid - sysfs sysfs rw\n"
        "34 22 0:29 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
        "0::/user.slice/user-1000.slice/user@1000.service/app.slice/streamspace.service\n");
    assert_int_equal(mounts.count, 1);
    assert_true(mounts.items[0].v2);
    assert_string_equal(mounts.items[0].point, "/sys/fs/cgroup");
    assert_string_equal(
        mounts.items[0].own,
        "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/streamspace.service");
    cgroup_mounts_finish(&mounts);
}

static void version_1(void **state) {
    struct cgroup_mounts mounts;
    cgroup_mounts_parse(
        &mounts,
        "30 25 0:26 / /sys/fs/cgroup ro,nosuid shared:10 - tmpfs tmpfs ro,mode=755\n"
        "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:12 - cgroup cgroup rw,cpu,cpuacct\n"
        "33 30 0:29 / /sys/fs/cgroup/memory rw shared:13 - cgroup cgroup rw,memory\n"
        "34 30 0:30 / /sys/fs/cgroup/pids rw shared:14 - cgroup cgroup rw,pids\n"
        "35 30 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n",
        "5:pids:/user.slice\n3:memory:/\n2:cpu,cpuacct:/a b\n1:name=systemd:/user.slice\n");
    assert_int_equal(mounts.count, 3); /* the one without a controller is of no use */
    assert_ptr_equal(mount_of(&mounts, CGROUP_CPU), mount_of(&mounts, CGROUP_CPUACCT));
    assert_string_equal(mount_of(&mounts, CGROUP_CPU)->own, "/sys/fs/cgroup/cpu,cpuacct/a b");
    assert_string_equal(mount_of(&mounts, CGROUP_MEMORY)->own, "/sys/fs/cgroup/memory");
    assert_string_equal(mount_of(&mounts, CGROUP_PIDS)->own, "/sys/fs/cgroup/pids/user.slice");
    assert_null(mount_of(&mounts, CGROUP_FREEZER));
    assert_null(mount_of(&mounts, CGROUP_UNIFIED));
    cgroup_mounts_finish(&mounts);
}

static void hybrid(void **state) {
    struct cgroup_mounts mounts;
    cgroup_mounts_parse(&mounts,
                        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
                        "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                        "33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
                        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                        "37 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
                        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
                        "6:freezer:/\n4:memory:/process/8379\n1:cpu:/\n0::/\n");
    assert_int_equal(mounts.count, 5);
    assert_true(mount_of(&mounts, CGROUP_UNIFIED)->v2);
    assert_string_equal(mount_of(&mounts, CGROUP_UNIFIED)->own, "/sys/fs/cgroup/unified");
    assert_string_equal(mount_of(&mounts, CGROUP_MEMORY)->own, "/sys/fs/cgroup/memory/process/8379");
    assert_false(mount_of(&mounts, CGROUP_MEMORY)->v2);
    cgroup_mounts_finish(&mounts);
}

/* In a container the mount shows only a part of the hierarchy, while the process's own path counts from its
 * top. */
static void in_a_container(void **state) {
    struct cgroup_mounts mounts;
    cgroup_mounts_parse(
        &mounts,
        "700 690 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
        "701 690 0:33 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n"
        "702 690 0:34 /docker/abc /sys/fs/cgroup/with\\040blank ro - cgroup cgroup rw,freezer\n",
        "9:freezer:/docker/abc\n8:memory:/docker/abc/sub\n7:pids:/elsewhere\n");
    assert_string_equal(mount_of(&mounts, CGROUP_MEMORY)->own, "/sys/fs/cgroup/memory/sub");
    assert_string_equal(mount_of(&mounts, CGROUP_PIDS)->own, "/sys/fs/cgroup/pids");
    assert_string_equal(mount_of(&mounts, CGROUP_FREEZER)->own, "/sys/fs/cgroup/with blank");
    cgroup_mounts_finish(&mounts);
}

static void nonsense(void **state) {
    static const char *const texts[] = {"",
                                        "\n",
                                        "1",
                                        "1 2 3 4 5 6",
                                        "1 2 3 4 5 6 -",
                                        "1 2 3 4 5 6 - cgroup",
                                        "1 2 3 4 5 6 - cgroup cgroup",
                                        "a b c d e - cgroup2 x y",
                                        "- - - - - - - - - - cgroup cgroup2 rw,memory"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct cgroup_mounts mounts;
        cgroup_mounts_parse(&mounts, texts[i], texts[i]);
        cgroup_mounts_finish(&mounts);
    }
}

/* A directory with the files of a group. */
struct fake {
    char path[64];
    struct cgroup parents;
};

static void make_file(const char *dir, const char *name, const char *text) {
    _cleanup_free_ char *path = str_format("%s/s/%s", dir, name);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
}

static void assert_file(const char *dir, const char *name, const char *text) {
    _cleanup_free_ char *path = str_format("%s/s/%s", dir, name);
    _cleanup_free_ char *got = NULL;
    assert_int_equal(file_read(path, 4096, &got, NULL, NULL), 0);
    assert_string_equal(got, text);
}

static void fake_begin(struct fake *fake, bool v2) {
    *fake = (struct fake){.path = "/tmp/ss-cgroup-test-XXXXXX"};
    assert_non_null(mkdtemp(fake->path));
    _cleanup_free_ char *session = str_format("%s/s", fake->path);
    assert_int_equal(mkdir(session, 0700), 0);
    for (int part = 0; part < CGROUP_PARTS; part++) {
        if (v2 ? part == CGROUP_CPUACCT || part == CGROUP_FREEZER : part == CGROUP_UNIFIED)
            continue;
        fake->parents.dirs[part] = str_dup(fake->path);
        fake->parents.v2[part] = v2;
    }
}

static void fake_end(struct fake *fake) {
    cgroup_finish(&fake->parents);
    assert_int_equal(dir_remove(fake->path, NULL), 0);
}

static const struct cgroup_limits limits = {.memory_bytes = 256 << 20, .pids_max = 64, .cpu_millis = 1500};

static void limits_of_version_2(void **state) {
    struct fake fake;
    fake_begin(&fake, true);
    static const char *const files[] = {"memory.max", "memory.swap.max", "pids.max", "cpu.max",
                                        "cgroup.procs"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        make_file(fake.path, files[i], "");
    _cleanup_cgroup_ struct cgroup group;
    cgroup_name(&group, &fake.parents, "s");
    assert_int_equal(cgroup_make(&group, &limits, NULL), 0);
    assert_file(fake.path, "memory.max", "268435456");
    assert_file(fake.path, "memory.swap.max", "0");
    assert_file(fake.path, "pids.max", "64");
    assert_file(fake.path, "cpu.max", "30000 20000");
    /* A quota below the kernel's least takes the longer period. */
    assert_int_equal(cgroup_set_cpu(&group, 10, NULL), 0);
    assert_file(fake.path, "cpu.max", "1000 100000");
    assert_int_equal(cgroup_enter(&group, 4242, NULL), 0);
    assert_file(fake.path, "cgroup.procs", "4242");
    fake_end(&fake);
}

static void limits_of_version_1(void **state) {
    struct fake fake;
    fake_begin(&fake, false);
    static const char *const files[] = {"memory.limit_in_bytes", "pids.max", "cpu.cfs_period_us",
                                        "cpu.cfs_quota_us"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        make_file(fake.path, files[i], "");
    _cleanup_cgroup_ struct cgroup group;
    cgroup_name(&group, &fake.parents, "s");
    assert_int_equal(cgroup_make(&group, &limits, NULL), 0); /* without swap accounting, too */
    assert_file(fake.path, "memory.limit_in_bytes", "268435456");
    assert_file(fake.path, "cpu.cfs_period_us", "20000");
    assert_file(fake.path, "cpu.cfs_quota_us", "30000");
    make_file(fake.path, "memory.memsw.limit_in_bytes", "");
    assert_int_equal(cgroup_make(&group, &limits, NULL), 0);
    assert_file(fake.path, "memory.memsw.limit_in_bytes", "268435456");
    fake_end(&fake);
}

/* What was written last is "max"; a file that stands in for one of the kernel's keeps the rest. */
static void assert_open_high(const char *dir) {
    _cleanup_free_ char *path = str_format("%s/s/memory.high", dir);
    _cleanup_free_ char *got = NULL;
    assert_int_equal(file_read(path, 4096, &got, NULL, NULL), 0);
    assert_true(str_starts(got, "max"));
}

static void other_limits_of_version_2(void **state) {
    struct fake fake;
    fake_begin(&fake, true);
    static const char *const files[] = {"memory.max", "memory.swap.max", "memory.high", "cpu.max"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        make_file(fake.path, files[i], "");
    make_file(fake.path, "memory.current", "209715200\n");
    _cleanup_cgroup_ struct cgroup group;
    cgroup_name(&group, &fake.parents, "s");
    struct cgroup_limits more = {.memory_bytes = 512 << 20, .cpu_millis = 2000},
                         less = {.memory_bytes = 201 << 20},
                         least = {.memory_bytes = 199 << 20, .cpu_millis = 500};
    assert_int_equal(cgroup_change(&group, &limits, &more, NULL), 0);
    assert_file(fake.path, "memory.max", "536870912");
    assert_file(fake.path, "cpu.max", "40000 20000");
    assert_file(fake.path, "memory.high", "");
    assert_int_equal(cgroup_change(&group, &more, &less, NULL), 0); /* 200 MiB are in use */
    assert_file(fake.path, "memory.max", "210763776");
    assert_open_high(fake.path);
    assert_file(fake.path, "cpu.max", "40000 20000");
    struct err err = {0};
    assert_int_equal(cgroup_change(&group, &less, &least, &err), -1);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.message, "more than 199 MiB of memory are in use");
    assert_file(fake.path, "memory.max", "210763776");
    assert_open_high(fake.path);
    assert_file(fake.path, "cpu.max", "40000 20000");
    fake_end(&fake);
}

/* The ceiling with swap is raised first and lowered last. */
static void other_limits_of_version_1(void **state) {
    struct fake fake;
    fake_begin(&fake, false);
    static const char *const files[] = {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes",
                                        "cpu.cfs_period_us", "cpu.cfs_quota_us"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        make_file(fake.path, files[i], "");
    _cleanup_cgroup_ struct cgroup group;
    cgroup_name(&group, &fake.parents, "s");
    struct cgroup_limits more = {.memory_bytes = 512 << 20, .cpu_millis = 250};
    assert_int_equal(cgroup_change(&group, &limits, &more, NULL), 0);
    assert_file(fake.path, "memory.limit_in_bytes", "536870912");
    assert_file(fake.path, "memory.memsw.limit_in_bytes", "536870912");
    assert_file(fake.path, "cpu.cfs_quota_us", "5000");
    assert_int_equal(cgroup_change(&group, &more, &limits, NULL), 0);
    assert_file(fake.path, "memory.limit_in_bytes", "268435456");
    assert_file(fake.path, "memory.memsw.limit_in_bytes", "268435456");
    fake_end(&fake);
}

/* The processor's ceiling is not to be had: the memory's is as it was. */
static void a_change_is_whole_or_none(void **state) {
    struct fake fake;
    fake_begin(&fake, true);
    static const char *const files[] = {"memory.max", "memory.swap.max", "memory.high"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        make_file(fake.path, files[i], "");
    make_file(fake.path, "memory.current", "1\n");
    _cleanup_cgroup_ struct cgroup group;
    cgroup_name(&group, &fake.parents, "s");
    struct cgroup_limits more = {.memory_bytes = 512 << 20, .cpu_millis = 2000};
    assert_int_equal(cgroup_change(&group, &limits, &more, NULL), -1);
    assert_file(fake.path, "memory.max", "268435456");
    fake_end(&fake);
}

static void a_limit_that_cannot_be_set_is_an_error(void **state) {
    struct fake fake;
    fake_begin(&fake, true);
    _cleanup_cgroup_ struct cgroup group;
    cgroup_name(&group, &fake.parents, "s");
    struct err err = {0};
    assert_int_equal(cgroup_make(&group, &limits, &err), -1);
    assert_non_null(strstr(err.message, "memory.max"));
    fake_end(&fake);
}

static void usage_of_both(void **state) {
    struct fake fake;
    fake_begin(&fake, true);
    make_file(fake.path, "memory.current", "1048576\n");
    make_file(fake.path, "memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n");
    make_file(fake.path, "pids.events", "max 7\n");
    make_file(fake.path, "cpu.stat", "usage_usec 123456\nuser_usec 1\n");
    _cleanup_cgroup_ struct cgroup two;
    cgroup_name(&two, &fake.parents, "s");
    struct cgroup_usage usage;
    cgroup_usage(&two, &usage);
    assert_int_equal(usage.memory_bytes, 1048576);
    assert_int_equal(usage.oom_kills, 2);
    assert_int_equal(usage.pids_denied, 7);
    assert_int_equal(usage.cpu_usec, 123456);
    fake_end(&fake);
    fake_begin(&fake, false);
    make_file(fake.path, "memory.usage_in_bytes", "2097152\n");
    make_file(fake.path, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    make_file(fake.path, "cpuacct.usage", "5000000\n");
    _cleanup_cgroup_ struct cgroup one;
    cgroup_name(&one, &fake.parents, "s");
    cgroup_usage(&one, &usage);
    assert_int_equal(usage.memory_bytes, 2097152);
    assert_int_equal(usage.oom_kills, 1);
    assert_int_equal(usage.pids_denied, -1);
    assert_int_equal(usage.cpu_usec, 5000);
    fake_end(&fake);
}

static void without_groups_nothing_is_done(void **state) {
    struct cgroup none = {0};
    struct err err = {0};
    struct cgroup_usage usage;
    assert_true(cgroup_is_empty(&none));
    assert_int_equal(cgroup_make(&none, &limits, NULL), 0);
    assert_int_equal(cgroup_enter(&none, 1, NULL), 0);
    assert_int_equal(cgroup_kill(&none, clock_ms(), NULL), 0);
    assert_int_equal(cgroup_remove(&none, NULL), 0);
    assert_int_equal(cgroup_freeze(&none, true, clock_ms(), &err), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    cgroup_usage(&none, &usage);
    assert_int_equal(usage.memory_bytes, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_2),
        cmocka_unit_test(version_1),
        cmocka_unit_test(hybrid),
        cmocka_unit_test(in_a_container),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(limits_of_version_2),
        cmocka_unit_test(limits_of_version_1),
        cmocka_unit_test(other_limits_of_version_2),
        cmocka_unit_test(other_limits_of_version_1),
        cmocka_unit_test(a_change_is_whole_or_none),
        cmocka_unit_test(a_limit_that_cannot_be_set_is_an_error),
        cmocka_unit_test(usage_of_both),
        cmocka_unit_test(without_groups_nothing_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
