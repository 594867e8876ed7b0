"""The commands, a module each or two; each adds itself to `ctfy_rx.cli.program.app`."""

__all__: list[str] = []
