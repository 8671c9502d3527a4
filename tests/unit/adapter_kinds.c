/* Adapters begin as the setting init_lora_weights says: its values are the kinds, in their order. */
#include "adapter/adapter.h"
#include "config/config.h"
#include "support/test.h"

static void kinds_are_the_values_of_the_setting(void **state)
{
    graft_config *config = NULL;
    int n = 0;
    (void)state;
    assert_ok(graft_config_new(&config));
    for (; graft_adapter_kinds[n] != NULL; n++) {
        const char *name = graft_adapter_kinds[n]->name;
        assert_ok(graft_config_set(config, "init_lora_weights", name));
        assert_int_equal(config->init_lora_weights, n);
        assert_ptr_equal(graft_adapter_kind_find(name), graft_adapter_kinds[n]);
    }
    assert_int_equal(n, 4);
    assert_null(graft_adapter_kind_find("svd"));
    graft_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds_are_the_values_of_the_setting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
