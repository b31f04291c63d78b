slash32_test(agent_model_tests agent/model agent_model)
