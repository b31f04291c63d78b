slash32_test(agent_model_tests agent/model agent_model)
# The speaker's evaluator says what a plan's policies let through.
slash32_test(agent_plan_tests agent/plan agent_plan agent_model bgp_policy slash32_config)
