import CVectorKernels
import Foundation
import TensorCore

/// The loss and gradients of one head of one segment, a tile of queries at a time.
///
/// A tile's keys are swept twice, for the normalisers of its rows and then for loss and gradient.
/// With `Â = P / D` a weight has the gradient `dP = factor / D · (Σ_k A_k e_k − A dlog/dÂ)`, where
/// `e = Â dlog/dÂ` is 1 but for the floor. So `1 − A dlog/dÂ` is what is formed key by key, where the
/// two nearly cancel, and `Σ_k A_k e_k − 1`, the same for all keys of a row, is added afterwards
/// through sums of features.
struct AttentionWeightLoss {
  let head: HybridHead
  /// Keys that a query of the teacher sees, its own included; nil: all.
  let teacherWindow: Int?
  let floor: AttentionWeightFloor
  /// Of one row's loss in the gradient.
  let factor: Float
  /// Rows `featureWidth` apart.
  let dPhiQ, dPhiK: UnsafeMutablePointer<Float>

  private var count: Int { head.segment.count }
  private var isCausal: Bool { head.shape.attention.isCausal }

  /// - Returns: the sum of the rows' losses, and the gradient of the window factor's logit.
  func run() -> (loss: Double, factorGradient: Float) {
    let (gamma, lambda) = head.shape.factors(head.logit)
    var sums = Sums()
    var features = RunningFeatures(head)
    // `factor / D · (Σ A e − 1)` of every row.
    var corrections = Tensor(uninitialized: [count])
    var scratch = Tensor(uninitialized: [2 * WeightTile.rows * WeightTile.keys])
    var needsCorrection = false
    withPointers(writing(&corrections), writing(&scratch)) { corrections, products in
      for start in stride(from: 0, to: count, by: WeightTile.rows) {
        let queries = start..<min(start + WeightTile.rows, count)
        var rows = queries.map { row(of: $0) }
        let weights = products + WeightTile.rows * WeightTile.keys
        let tiles = tiles(of: rows)
        normalize(queries, tiles, &rows, &features, products: products, scratch: weights)
        for (index, keys) in tiles.enumerated().reversed() {
          // The last tile's products are those that the first sweep left behind.
          if index < tiles.count - 1 { head.multiply(queries, keys, into: products) }
          addGradients(queries, keys, &rows, products: products, weights: weights, to: &sums)
        }
        for (row, query) in zip(rows, queries) {
          let correction = -factor * row.reciprocal * row.deficit
          corrections[query] = correction
          needsCorrection = needsCorrection || correction != 0
          sums.gamma += correction * row.softmaxTotal
          sums.lambda += correction * row.linearTotal
        }
      }
      if needsCorrection { correct(corrections, lambda: lambda) }
    }
    if head.shape.window == .none { return (sums.loss, 0) }
    let total = head.shape.isAffine ? sums.gamma - sums.lambda : sums.gamma
    return (sums.loss, total * gamma * (1 - gamma))
  }

  private struct Sums {
    var loss = 0.0
    var gamma: Float = 0
    var lambda: Float = 0
  }

  // MARK: Rows

  /// The keys that one query sees, as positions, and what its weights add up to.
  private struct Row {
    /// The student's softmax has `[0, sinks)` and `[window, end)`, its linear part what is between.
    let sinks, window, end: Int
    /// The teacher has `[first, end)`.
    let first: Int
    var teacher = ExponentialSum()
    var student = ExponentialSum()
    /// Σ of exponentials over the student's softmax keys, and of `φq·φk` over its linear ones.
    var softmaxTotal: Float = 0
    var linearTotal: Float = 0
    /// `1 / D`.
    var reciprocal: Float = 0
    /// `1 − Σ A e`.
    var deficit: Float = 0
  }

  private func row(of query: Int) -> Row {
    let end = isCausal ? query + 1 : count
    let sinks = min(head.shape.sinks, end)
    return Row(
      sinks: sinks,
      window: head.shape.window == .none
        ? end : max(sinks, min(head.shape.window.start(of: query), end)),
      end: end, first: teacherWindow.map { max(0, query - $0 + 1) } ?? 0)
  }

  /// Tiles of the keys that any of the rows sees.
  private func tiles(of rows: [Row]) -> [Range<Int>] {
    let end = rows.last!.end
    return stride(from: 0, to: end, by: WeightTile.keys).map { $0..<min($0 + WeightTile.keys, end) }
  }

  // MARK: First sweep

  /// Normalisers of teacher and student. Leaves the products of the last tile of keys.
  private func normalize(
    _ queries: Range<Int>, _ tiles: [Range<Int>], _ rows: inout [Row],
    _ features: inout RunningFeatures, products: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (gamma, lambda) = head.shape.factors(head.logit)
    let scale = head.shape.attention.scoreFactor
    let hasWindow = head.shape.window != .none
    for keys in tiles {
      head.multiply(queries, keys, into: products)
      for line in rows.indices {
        let product = products + line * keys.count
        let row = rows[line]
        rows[line].teacher.add(product, row.first..<row.end, of: keys, scale, scratch)
        if hasWindow {
          rows[line].student.add(product, 0..<row.sinks, of: keys, scale, scratch)
          rows[line].student.add(product, row.window..<row.end, of: keys, scale, scratch)
        }
      }
    }
    for (line, query) in queries.enumerated() {
      features.advance(to: rows[line].window)
      rows[line].softmaxTotal = rows[line].student.total
      rows[line].linearTotal = features.dot(
        head.queryFeatures + query * head.featureStride)
      rows[line].reciprocal =
        1 / (gamma * rows[line].softmaxTotal + lambda * rows[line].linearTotal + head.shape.epsilon)
    }
  }

  // MARK: Second sweep

  /// Loss and gradients of a tile, but for the corrections.
  private func addGradients(
    _ queries: Range<Int>, _ keys: Range<Int>, _ rows: inout [Row],
    products: UnsafeMutablePointer<Float>, weights: UnsafeMutablePointer<Float>,
    to sums: inout Sums
  ) {
    let (gamma, lambda) = head.shape.factors(head.logit)
    let scale = head.shape.attention.scoreFactor
    let queryFeatures = Matrix(
      head.queryFeatures + queries.lowerBound * head.featureStride, stride: head.featureStride)
    let keyFeatures = Matrix(head.features(at: keys.lowerBound), stride: head.featureStride)
    let hasWindow = head.shape.window != .none
    BLAS.multiply(
      m: queries.count, n: keys.count, k: head.f, alpha: lambda, queryFeatures,
      keyFeatures.transposed, into: weights, stride: keys.count)
    for line in rows.indices {
      let row = rows[line]
      let truth = products + line * keys.count
      let weight = weights + line * keys.count
      let visible = part(of: 0..<row.end, in: keys).upperBound
      let sinks = part(of: 0..<row.sinks, in: keys)
      let window = part(of: row.window..<row.end, in: keys)
      if hasWindow {
        let shift = row.student.maximum - logarithm(gamma)
        _ = vk_exp_sum(truth, weight, sinks.upperBound, scale, shift)
        _ = vk_exp_sum(
          truth + window.lowerBound, weight + window.lowerBound, window.count, scale, shift)
      }
      let seen = part(of: row.first..<row.end, in: keys)
      _ = vk_exp_sum(
        truth + seen.lowerBound, truth + seen.lowerBound, seen.count, scale, row.teacher.logarithm)
      clear(truth, 0..<seen.lowerBound)
      let (logarithms, deficit) = floor.sums(
        truth + seen.lowerBound, weight + seen.lowerBound, reciprocal: row.reciprocal, seen.count)
      sums.loss -= Double(logarithms)
      rows[line].deficit += deficit

      floor.balance(truth, weight, reciprocal: row.reciprocal, visible)
      let gradient = factor * row.reciprocal
      let linear = part(of: row.sinks..<row.window, in: keys)
      if head.shape.isAffine {
        sums.lambda +=
          gradient / lambda
          * vk_dot(truth + linear.lowerBound, weight + linear.lowerBound, linear.count)
      }
      if hasWindow {
        sums.gamma +=
          gradient / gamma
          * (vk_dot(truth, weight, sinks.upperBound)
            + vk_dot(truth + window.lowerBound, weight + window.lowerBound, window.count))
        clear(weight, sinks)
        clear(weight, window)
      }
      vk_scale(
        truth + linear.lowerBound, weight + linear.lowerBound, lambda * gradient, linear.count)
      clear(weight, visible..<keys.count)
    }
    BLAS.multiply(
      m: queries.count, n: head.f, k: keys.count, Matrix(weights, stride: keys.count), keyFeatures,
      beta: 1, into: dPhiQ + queries.lowerBound * head.featureStride, stride: head.featureStride)
    BLAS.multiply(
      m: keys.count, n: head.f, k: queries.count, Matrix(weights, stride: keys.count).transposed,
      queryFeatures, beta: 1, into: dPhiK + keys.lowerBound * head.featureStride,
      stride: head.featureStride)
  }

  /// Gradients of a number that all linear weights of a row share:
  /// `dφq_i += λ c_i Σ_j φk_j`, `dφk_j += λ Σ_i c_i φq_i`, over the pairs of the linear part.
  private func correct(_ corrections: UnsafePointer<Float>, lambda: Float) {
    var features = RunningFeatures(head)
    for query in 0..<count {
      features.advance(to: row(of: query).window)
      features.add(to: dPhiQ + query * head.featureStride, times: lambda * corrections[query])
    }
    var later = Tensor(zeros: [head.f])
    later.withMutablePointer { later in
      var query = count
      for key in (min(head.shape.sinks, count)..<count).reversed() {
        // Ends of the linear part ascend with the query.
        while query > 0, row(of: query - 1).window > key {
          query -= 1
          vk_add_scaled(
            later, head.queryFeatures + query * head.featureStride, lambda * corrections[query],
            head.f)
        }
        vk_add_scaled(dPhiK + key * head.featureStride, later, 1, head.f)
      }
    }
  }
}
