import CVectorKernels

private typealias RowProductKernel = (
  UnsafeRawPointer?, Int, UnsafePointer<Int32>?, UnsafePointer<Float>?,
  UnsafeMutablePointer<Float>?,
  Int, Int
) -> Void
private typealias ColumnProductKernel = (
  UnsafeRawPointer?, Int, UnsafePointer<Int32>?, UnsafePointer<Float>?, Int, Int,
  UnsafeMutablePointer<Float>?, Int, Int, Int
) -> Void

extension StoredTensor {
  /// `y[r] = Σᵢ w[r, i] x[i]` over some rows, straight from the stored bytes: what a product with one
  /// row of activations needs, without widened weights in memory. A weight gives the same to the last
  /// bit whatever it is stored as.
  ///
  /// - Parameters:
  ///   - x: `rowLength` floats.
  ///   - y: one float for each of `rows`, overwritten.
  public func multiply(
    rows: Range<Int>, by x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>
  ) {
    withStoredRows(rows) { first, stride, order in
      productKernels.rows(first, stride, order, x, y, rows.count, rowLength)
    }
  }

  /// The same for several vectors at once, each to the last bit what it is alone: the weights are read
  /// from memory once for all of them, and unpacked once for four. What decoding of several sequences together needs.
  ///
  /// - Parameters:
  ///   - x: `columns` vectors of `rowLength` floats, one after another.
  ///   - y: one float for each of `rows` a vector, the vectors `stride` floats apart; overwritten.
  public func multiply(
    rows: Range<Int>, by x: UnsafePointer<Float>, columns: Int,
    into y: UnsafeMutablePointer<Float>, stride yStride: Int
  ) {
    withStoredRows(rows) { first, stride, order in
      productKernels.columns(
        first, stride, order, x, rowLength, columns, y, yStride, rows.count, rowLength)
    }
  }

  /// Of one vector and of several, as `Widening.h` declares them.
  private var productKernels: (rows: RowProductKernel, columns: ColumnProductKernel) {
    switch elementType {
    case .float32: (multiply_rows_f32, multiply_columns_f32)
    case .float16: (multiply_rows_f16, multiply_columns_f16)
    case .bfloat16: (multiply_rows_bf16, multiply_columns_bf16)
    case .q8_0: (multiply_rows_q8_0, multiply_columns_q8_0)
    case .q4_0: (multiply_rows_q4_0, multiply_columns_q4_0)
    case .q4_1: (multiply_rows_q4_1, multiply_columns_q4_1)
    case .q5_0: (multiply_rows_q5_0, multiply_columns_q5_0)
    case .q5_1: (multiply_rows_q5_1, multiply_columns_q5_1)
    case .q4_K: (multiply_rows_q4_k, multiply_columns_q4_k)
    case .q5_K: (multiply_rows_q5_k, multiply_columns_q5_k)
    case .q6_K: (multiply_rows_q6_k, multiply_columns_q6_k)
    case .q2_K: (multiply_rows_q2_k, multiply_columns_q2_k)
    case .q3_K: (multiply_rows_q3_k, multiply_columns_q3_k)
    case .iq4_NL: (multiply_rows_iq4_nl, multiply_columns_iq4_nl)
    case .iq4_XS: (multiply_rows_iq4_xs, multiply_columns_iq4_xs)
    }
  }

  /// Calls with the first byte of some rows, or of all where an order says which, the bytes from row
  /// to row, and their order.
  func withStoredRows(
    _ rows: Range<Int>,
    _ body: (_ first: UnsafeRawPointer, _ stride: Int, _ order: UnsafePointer<Int32>?) -> Void
  ) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "rows \(rows) of \(shape)")
    guard let base = bytes.baseAddress, !rows.isEmpty else { return }
    let stride = elementType.bytes(of: rowLength)
    guard let rowOrder else {
      body(base + rows.lowerBound * stride, stride, nil)
      return
    }
    rowOrder.withUnsafeBufferPointer { body(base, stride, $0.baseAddress! + rows.lowerBound) }
  }
}
