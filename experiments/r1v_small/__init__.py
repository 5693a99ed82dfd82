"""R1V-Small: R1V-Nano's tower before Qwen2.5-Coder-0.5B-Instruct, stage by stage."""
