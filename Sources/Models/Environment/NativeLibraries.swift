import Checkpoints
import Operations
import TensorCore

/// The libraries outside of this program that its numbers depend on.
public enum NativeLibraries {
  /// For `env.json`: OpenBLAS's kernels and the number of workers decide the last bits of every
  /// product.
  public static var versions: [(name: String, value: String)] {
    [
      ("openblas", OpenBLASInformation.configuration),
      ("openblasCore", OpenBLASInformation.core),
      ("openblasChoice", OpenBLASInformation.choice),
      ("threads", String(WorkerPool.shared.workers)),
      ("hdf5", HDF5Information.version),
    ]
  }
}
