import CVectorKernels
import TensorCore

/// `y = x Wᵀ` on tiles with weights whose blocks of 32 are `factor * integer + offset`: the integers,
/// which are bfloat16s exactly, take three products of parts where widened weights take six. What is
/// added to a block meets the sum of its 32 elements of `x`:
///
///     yᵣₒ = Σ_b (offset_ob Σ_{i in b} xᵣᵢ + factor_ob Σ_{i in b} integer_oi xᵣᵢ)
///
/// - Parameters:
///   - x: `[tokens, inputs]`.
///   - weight: `[outputs, inputs]`.
///   - y: `[tokens, outputs]`, overwritten.
/// - Precondition: `TileProduct.isAvailable`, and the weight `isFactored`.
func factoredLinear(
  _ x: UnsafePointer<Float>, tokens: Int, _ weight: StoredTensor,
  into y: UnsafeMutablePointer<Float>
) {
  let (outputs, inputs) = (weight.shape[0], weight.shape[1])
  if weight.hasBlockOffsets {
    let blocks = inputs / StoredTensor.factoredBlockLength
    var sums = Tensor(uninitialized: [tokens, blocks])
    var offsets = Tensor(uninitialized: [outputs, blocks])
    withPointers(writing(&sums), writing(&offsets)) { sums, offsets in
      WorkerPool.shared.parallelRanges(tokens, minimum: 16) { rows in
        vk_block_sums(
          x + rows.lowerBound * inputs, sums + rows.lowerBound * blocks, rows.count * blocks)
      }
      WorkerPool.shared.parallelRanges(outputs, minimum: 64) { rows in
        weight.blockOffsets(rows, into: offsets + rows.lowerBound * blocks)
      }
      TileProduct(
        m: tokens, n: outputs, k: blocks, left: Matrix(sums, stride: blocks),
        right: .matrix(Matrix(offsets, stride: blocks, transposed: true))
      ).write(to: y, stride: outputs)
    }
  }
  TileProduct(
    m: tokens, n: outputs, k: inputs, left: Matrix(x, stride: inputs), right: .blocks(weight),
    beta: weight.hasBlockOffsets ? 1 : 0
  ).write(to: y, stride: outputs)
}
