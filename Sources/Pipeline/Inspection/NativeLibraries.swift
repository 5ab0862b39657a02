import Operations

/// The libraries outside of this program that its numbers depend on.
public enum NativeLibraries {
  /// For `env.json`: OpenBLAS's kernels decide the last bits of every product.
  public static var versions: [(name: String, value: String)] {
    [
      ("openblas", OpenBLASInformation.configuration),
      ("openblasCore", OpenBLASInformation.core),
    ]
  }

  /// The faster kernels that OpenBLAS should be told to use, if it did not find them itself.
  public static var betterOpenBLASCore: String? { OpenBLASInformation.betterCore }
}
