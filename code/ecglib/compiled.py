"""Java sources of this package, compiled where Spark's driver runs and sent to the executors.

A bundle then holds sources only, and fits the Java and the Spark of whatever image runs it. Spark
brings a compiler, Janino, for the code that it generates itself; a JDK has its own.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import StepError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COMPILERS = ("janino", "javac")

Compiler: TypeAlias = Callable[[Sequence[str], Path], str]
"""Compiles files to a folder; returns what is wrong with them, or ""."""


@dataclass(frozen=True)
class Classes:
    """The compiled classes, as the driver has them.

    `without` is empty, or says why there are no classes of java/internal, which use what is not
    part of Spark's public interface.
    """

    gateway: Any
    loader: Any
    without: str

    def new(self, name: str, *arguments: Any) -> Any:
        """Return an object of the class called `name`, which has one public constructor."""
        constructor = self.loader.loadClass(f"{__package__}.{name}").getConstructors()[0]
        return constructor.newInstance(self._array(arguments))

    def call(self, target: Any, method: str, *arguments: Any) -> Any:
        """Return what a method returns; its object has no other public one of that name.

        Raises:
            Py4JJavaError: what the method threw is the exception's cause.
        """
        # By reflection: py4j itself keeps methods by their class's name, and would mistake those
        # of a later session for these.
        found = (one for one in target.getClass().getMethods() if one.getName() == method)
        return next(found).invoke(target, self._array(arguments))

    def _array(self, items: Sequence[Any]) -> Any:
        return _array(self.gateway, self.gateway.jvm.Object, items)


def compile_sources(
    spark: SparkSession, folder: str, compilers: Sequence[str] = COMPILERS
) -> Classes:
    """Compile the sources, and let the executors have the classes too.

    Args:
        spark: the session.
        folder: for the jar, which executors fetch when they start.
        compilers: those to try, in this order.

    Raises:
        StepError: there is none of these compilers.
    """
    session: Any = spark
    gateway = session.sparkContext._gateway
    jvm = gateway.jvm
    compile_files = _compiler(gateway, compilers)
    with tempfile.TemporaryDirectory() as work:
        sources = _sources("java", Path(work, "public"))
        internal = _sources("java/internal", Path(work, "internal"))
        classes = Path(work, "classes")
        without = compile_files([*sources, *internal], classes)
        if without:
            classes = Path(work, "public classes")
            if error := compile_files(sources, classes):
                raise RuntimeError(f"{__package__}/java does not compile: {error}")
        jar = _jar(classes, Path(folder, f"{__package__}.jar"))
    url = jvm.java.io.File(str(jar)).toURI().toURL()
    session._jsc.addJar(url.toString())
    urls = _array(gateway, jvm.java.net.URL, [url])
    return Classes(gateway, jvm.java.net.URLClassLoader(urls, _loader(jvm)), without)


def _sources(folder: str, target: Path) -> list[str]:
    """Copy the sources of a folder out of the package, which may be a zip; return their paths."""
    target.mkdir()
    for source in resources.files(__package__).joinpath(folder).iterdir():
        if source.name.endswith(".java"):
            (target / source.name).write_bytes(source.read_bytes())
    return sorted(str(path) for path in target.iterdir())


def _jar(classes: Path, jar: Path) -> Path:
    with zipfile.ZipFile(jar, "w") as archive:
        for path in sorted(classes.rglob("*.class")):
            archive.write(path, path.relative_to(classes).as_posix())
    return jar


def _compiler(gateway: Any, names: Sequence[str]) -> Compiler:
    missing = []
    for name in names:
        try:
            return {"janino": _janino, "javac": _javac}[name](gateway)
        except LookupError as error:
            missing.append(str(error))
    raise StepError(f"this image has no compiler for Java: {'; '.join(missing)}")


def _janino(gateway: Any) -> Compiler:
    from py4j.protocol import Py4JJavaError

    jvm = gateway.jvm
    try:
        resource_finder = jvm.org.codehaus.commons.compiler.util.resource.ResourceFinder
        nowhere = resource_finder.EMPTY_RESOURCE_FINDER
        # Other classes are looked for among those that can be loaded: no class path to search.
        known = jvm.org.codehaus.janino.ClassLoaderIClassLoader(_loader(jvm))
        compiler = jvm.org.codehaus.janino.Compiler(nowhere, known)
    except TypeError:  # py4j's, of a class that does not exist
        raise LookupError("Janino is not among Spark's jars") from None

    def compile_files(files: Sequence[str], into: Path) -> str:
        compiler.setDestinationDirectory(jvm.java.io.File(str(into)), False)
        try:
            sources = [jvm.java.io.File(file) for file in files]
            compiler.compile(_array(gateway, jvm.java.io.File, sources))
        except Py4JJavaError as error:
            return str(error.java_exception.getMessage())
        return ""

    return compile_files


def _javac(gateway: Any) -> Compiler:
    jvm = gateway.jvm
    compiler = jvm.javax.tools.ToolProvider.getSystemJavaCompiler()
    if compiler is None:
        raise LookupError(f"{jvm.System.getProperty('java.home')} is not a JDK")
    class_path = jvm.System.getProperty("java.class.path")
    # The compiler's own class is not for others to look into; its interface is.
    tool = jvm.java.lang.Class.forName("javax.tools.Tool").getMethods()
    run = next(method for method in tool if method.getName() == "run")

    def compile_files(files: Sequence[str], into: Path) -> str:
        words = ["-nowarn", "-cp", class_path, "-d", str(into), *files]
        said = jvm.java.io.ByteArrayOutputStream()
        options = _array(gateway, jvm.java.lang.String, words)
        arguments = _array(gateway, jvm.Object, [None, said, said, options])
        return str(said.toString()) if run.invoke(compiler, arguments) else ""

    return compile_files


def _loader(jvm: Any) -> Any:
    return jvm.java.lang.Thread.currentThread().getContextClassLoader()


def _array(gateway: Any, kind: Any, items: Sequence[Any]) -> Any:
    array = gateway.new_array(kind, len(items))
    for place, item in enumerate(items):
        array[place] = item
    return array
