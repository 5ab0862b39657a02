import COpenBLAS
import TensorCore

/// Row-major single-precision GEMM through OpenBLAS, one thread a call: `WorkerPool` splits the
/// work above it. Large matrices have another way where the processor has tiles (`TileProduct`).
/// OpenBLAS's own threads inside our workers halve its speed, and its thread count
/// is a process-wide setting, so it is set once.
enum BLAS {
  private static let singleThreaded: Void = openblas_set_num_threads(1)

  /// A matrix as stored, with the stride between its rows, read as it is or transposed.
  struct Matrix {
    let elements: UnsafePointer<Float>
    let stride: Int
    var isTransposed = false

    init(_ elements: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
      self.elements = elements
      self.stride = stride
      isTransposed = transposed
    }

    var transposed: Matrix { Matrix(elements, stride: stride, transposed: !isTransposed) }
  }

  /// `c[m, n] = alpha * a[m, k] * b[k, n] + beta * c`.
  static func multiply(
    m: Int, n: Int, k: Int, alpha: Float = 1, _ a: Matrix, _ b: Matrix, beta: Float = 0,
    into c: UnsafeMutablePointer<Float>, stride: Int
  ) {
    if m == 0 || n == 0 { return }
    if k == 0 {
      // An empty sum, which CBLAS refuses: its strides would have to be at least 1.
      for row in 0..<m {
        for column in 0..<n { c[row * stride + column] *= beta }
        if beta == 0 { (c + row * stride).update(repeating: 0, count: n) }
      }
      return
    }
    _ = singleThreaded
    cblas_sgemm(
      CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans,
      b.isTransposed ? CblasTrans : CblasNoTrans, Int32(m), Int32(n), Int32(k), alpha, a.elements,
      Int32(a.stride), b.elements, Int32(b.stride), beta, c, Int32(stride))
  }

  /// `y[m] = matrix[m, n] * x[n]`.
  static func multiply(
    m: Int, n: Int, _ matrix: UnsafePointer<Float>, stride: Int, _ x: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    _ = singleThreaded
    cblas_sgemv(
      CblasRowMajor, CblasNoTrans, Int32(m), Int32(n), 1, matrix, Int32(stride), x, 1, 0, y, 1)
  }
}

/// What the linked OpenBLAS says of itself; results depend on it bit by bit.
public enum OpenBLASInformation {
  /// The kernel set in use, e.g. `SkylakeX`, and the tiles of bfloat16 where large products are
  /// taken on them: `SkylakeX with AMX`.
  public static var core: String { ownCore + (TileProduct.isAvailable ? " with AMX" : "") }
  /// What OpenBLAS uses.
  static var ownCore: String { String(cString: openblas_get_corename()) }
  /// Version alone, e.g. `0.3.21`.
  public static var version: String {
    let words = configuration.split(separator: " ")
    return String(words.first { $0.first?.isNumber == true } ?? words.first ?? "unknown")
  }
  /// Version and build options.
  public static var configuration: String { String(cString: openblas_get_config()) }
}

typealias Matrix = BLAS.Matrix
