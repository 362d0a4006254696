"""Methods, one folder for each paper, which names the method. It exports exactly `Config` and `Method`.

`load_method` also finds methods of other packages: by entry points of the group `seglet.methods`, by an import path
such as `package.module:Class`, or from the class itself.
"""

from seglet.methods.loading import LoadedMethod, is_method_name, load_method, method_folder, method_names, plugin_names

__all__ = ["LoadedMethod", "is_method_name", "load_method", "method_folder", "method_names", "plugin_names"]
