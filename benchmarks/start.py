"""Print the CPU seconds of importing and creating an application: `... start MODULE`."""

import time

_BEGAN = time.process_time()  # before any other import, as these may be what costs

if __name__ == "__main__":
    import importlib
    import os
    import sys

    importlib.import_module(sys.argv[1]).create_app()
    sys.stdout.write(str(time.process_time() - _BEGAN))
    sys.stdout.flush()
    os._exit(0)  # no exporter is waited for
