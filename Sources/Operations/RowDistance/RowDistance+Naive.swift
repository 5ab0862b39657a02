import RealModule

extension Naive {
  /// `width^(-1/2) mean_t ‖prediction_t − target_t‖₂` over the given rows.
  public static func rowDistance<T: Real>(
    _ prediction: [T], _ target: [T], width: Int, rows: [Int]
  ) -> T {
    let total = rows.reduce(T.zero) { total, row in
      let square = (row * width..<(row + 1) * width).reduce(T.zero) {
        $0 + (prediction[$1] - target[$1]) * (prediction[$1] - target[$1])
      }
      return total + T.sqrt(square)
    }
    return total / (T(rows.count) * T.sqrt(T(width)))
  }
}
