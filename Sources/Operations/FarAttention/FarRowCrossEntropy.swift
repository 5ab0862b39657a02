import CVectorKernels
import Foundation
import TensorCore

/// Gradients of `farRowCrossEntropy`, already times its weight.
public struct FarRowGradients: Sendable {
  /// For the features of queries, `[tokens, queryHeads * featureDim]`.
  public var queryFeatures: Tensor
  /// For the features of keys, `[tokens, queryHeads * featureDim]`.
  public var keyFeatures: Tensor
}

/// Added to every product of features, so that the logarithm of one that is 0 is finite.
let leastFarProduct: Float = 1e-9

/// Cross-entropy of the far keys' weights among themselves, averaged over heads and rows:
///
///     L_i = −Σ_far a_ij log ã_ij,  ã_ij = (p_ij + ε) / Σ_far (p_ij + ε),  p_ij = φq_i·φk_j
///
/// where `a` is softmax attention over all keys, so that rows count by their far mass (`FarAttention`),
/// and `ε = 1e-9`. In tiles: time is quadratic in the length, memory beyond gradients linear. Queries
/// and keys are the teacher's, and have no gradient:
///
///     dp_ij = m_i / Σ_far (p_ij + ε) − a_ij / (p_ij + ε)
///
/// - Parameters:
///   - queries: what `far` was made of; so are the keys.
///   - queryFeatures: `[tokens, queryHeads * featureDim]`; so are those of keys. Products of them below
///     0 count as 0, and are not moved.
///   - weight: of the loss in the gradients; with 0 there are none.
public func farRowCrossEntropy(
  queries: Tensor, keys: Tensor, queryFeatures: Tensor, keyFeatures: Tensor, far: FarAttention,
  weight: Float
) -> (value: Double, gradients: FarRowGradients?) {
  let heads = far.attention.queryHeads
  let shape = HybridAttentionShape.linear(
    far.attention, featureDim: queryFeatures.shape[1] / heads, far.keys)
  precondition(
    queryFeatures.shape == [far.layout.rows, shape.featureWidth]
      && keyFeatures.shape == queryFeatures.shape,
    "features \(queryFeatures.shape), \(keyFeatures.shape) for \(shape)")
  let isWanted = weight != 0
  var dQueries = Tensor(zeros: isWanted ? queryFeatures.shape : [0])
  var dKeys = Tensor(zeros: isWanted ? queryFeatures.shape : [0])
  var losses = [Double](repeating: 0, count: far.layout.rows * heads)
  losses.withUnsafeMutableBufferPointer { losses in
    let losses = losses
    withPointers(writing(&dQueries), writing(&dKeys), far.masses, far.logNormalizers) {
      dQueries, dKeys, masses, normalizers in
      HybridOperands(
        queries: queries, keys: keys, values: keys, queryFeatures: queryFeatures,
        keyFeatures: keyFeatures
      ).withHeads(shape: shape, layout: far.layout, windowFactors: shape.unweighted) { head, slot in
        let offset = head.segment.start * shape.featureWidth + slot * shape.featureDim
        let place = head.segment.start * heads + slot
        FarRowLoss(
          head: head, window: far.window, factor: weight / Float(far.slots),
          masses: masses + place, logNormalizers: normalizers + place,
          losses: losses.baseAddress! + place, dPhiQ: isWanted ? dQueries + offset : nil,
          dPhiK: dKeys + (isWanted ? offset : 0)
        ).run()
      }
    }
  }
  return (
    losses.reduce(0, +) / Double(far.slots),
    isWanted ? FarRowGradients(queryFeatures: dQueries, keyFeatures: dKeys) : nil
  )
}

/// Losses and gradients of one head of one segment, a tile of queries at a time.
private struct FarRowLoss {
  let head: HybridHead
  let window: Int?
  /// Of one row's loss in the gradient.
  let factor: Float
  /// Rows `queryHeads` apart.
  let masses, logNormalizers: UnsafePointer<Float>
  let losses: UnsafeMutablePointer<Double>
  /// Rows `featureWidth` apart; no gradients are made without.
  let dPhiQ: UnsafeMutablePointer<Float>?
  let dPhiK: UnsafeMutablePointer<Float>

  private var heads: Int { head.shape.attention.queryHeads }

  func run() {
    var features = RunningFeatures(head)
    var storage = Tensor(uninitialized: [2 * WeightTile.rows * WeightTile.keys])
    storage.withMutablePointer { truth in
      for start in stride(from: 0, to: head.segment.count, by: WeightTile.rows) {
        let queries = start..<min(start + WeightTile.rows, head.segment.count)
        let rows = queries.map { head.farRow($0, window: window) }
        if rows.last!.far.isEmpty { continue }
        addTile(
          queries, rows, sums: sums(queries, rows, &features), truth: truth,
          products: truth + WeightTile.rows * WeightTile.keys)
      }
    }
  }

  /// Of the products of each query, with what is added to each; their share of the loss is added.
  private func sums(_ queries: Range<Int>, _ rows: [FarRow], _ features: inout RunningFeatures)
    -> [Float]
  {
    zip(queries, rows).map { query, row in
      if row.far.isEmpty { return 0 }
      features.advance(to: row.window)
      let sum =
        features.dot(head.queryFeatures + query * head.featureStride)
        + leastFarProduct * Float(row.far.count)
      losses[query * heads] = Double(masses[query * heads] * logarithm(sum))
      return sum
    }
  }

  private func addTile(
    _ queries: Range<Int>, _ rows: [FarRow], sums: [Float], truth: UnsafeMutablePointer<Float>,
    products: UnsafeMutablePointer<Float>
  ) {
    for keys in head.tiles(rows.last!.far) {
      head.multiply(queries, keys, into: truth)
      multiplyFeatures(queries, keys, into: products)
      for (line, query) in queries.enumerated() where !rows[line].far.isEmpty {
        addLoss(
          query, rows[line], keys, truth: truth + line * keys.count,
          products: products + line * keys.count, sum: sums[line])
      }
      addGradients(queries, rows, keys, products)
    }
  }

  private func multiplyFeatures(
    _ queries: Range<Int>, _ keys: Range<Int>, into products: UnsafeMutablePointer<Float>
  ) {
    BLAS.multiply(
      m: queries.count, n: keys.count, k: head.f, queryFeatures(queries),
      keyFeatures(keys).transposed, into: products, stride: keys.count)
  }

  private func queryFeatures(_ queries: Range<Int>) -> Matrix {
    Matrix(
      head.queryFeatures + queries.lowerBound * head.featureStride, stride: head.featureStride)
  }

  private func keyFeatures(_ keys: Range<Int>) -> Matrix {
    Matrix(head.features(at: keys.lowerBound), stride: head.featureStride)
  }

  /// Adds what a row loses in a tile, and puts gradients in place of the products of its far keys.
  ///
  /// - Parameter sum: of the row's products, each with what is added to it.
  private func addLoss(
    _ query: Int, _ row: FarRow, _ keys: Range<Int>, truth: UnsafeMutablePointer<Float>,
    products: UnsafeMutablePointer<Float>, sum: Float
  ) {
    let far = part(of: row.far, in: keys)
    let seen = part(of: row.seen, in: keys)
    _ = vk_exp_sum(
      truth + seen.lowerBound, truth + seen.lowerBound, seen.count,
      head.shape.attention.scoreFactor, logNormalizers[query * heads])
    let unseen = far.lowerBound..<max(far.lowerBound, min(seen.lowerBound, far.upperBound))
    clear(truth, unseen)
    let share = masses[query * heads] / sum
    var loss: Float = 0
    for key in far {
      let product = max(products[key], 0) + leastFarProduct
      loss += truth[key] * logarithm(product)
      products[key] = factor * (share - (products[key] < 0 ? 0 : truth[key] / product))
    }
    losses[query * heads] -= Double(loss)
  }

  /// - Parameter gradients: of the rows' products; of keys that are not far whatever stood there.
  private func addGradients(
    _ queries: Range<Int>, _ rows: [FarRow], _ keys: Range<Int>,
    _ gradients: UnsafeMutablePointer<Float>
  ) {
    guard let dPhiQ else { return }
    for (line, row) in rows.enumerated() {
      let far = part(of: row.far, in: keys)
      clear(gradients + line * keys.count, 0..<far.lowerBound)
      clear(gradients + line * keys.count, far.upperBound..<keys.count)
    }
    let matrix = Matrix(gradients, stride: keys.count)
    BLAS.multiply(
      m: queries.count, n: head.f, k: keys.count, matrix, keyFeatures(keys), beta: 1,
      into: dPhiQ + queries.lowerBound * head.featureStride, stride: head.featureStride)
    BLAS.multiply(
      m: keys.count, n: head.f, k: queries.count, matrix.transposed, queryFeatures(queries),
      beta: 1, into: dPhiK + keys.lowerBound * head.featureStride, stride: head.featureStride)
  }
}
