import Documents
import TensorCore
import Transformers

/// Puts projections that adapters were merged into at their place in a checkpoint: some families
/// keep queries, keys and values in one tensor, GPT-2 transposed.
struct MergedProjections {
  let family: String
  let headDim: Int
  /// GPT-2's weights are `[inputs, outputs]` in its own checkpoints, `[outputs, inputs]` in GGUF.
  let isTransposed: Bool

  /// Where a row of a projection stands.
  private struct Place {
    let tensor: String
    /// Row of the fused matrix `[outputs, inputs]`.
    let row: (Int) -> Int
  }

  /// - Parameters:
  ///   - weight: `[outputs, inputs]`.
  ///   - tensors: of the teacher; replaced where the projection stands.
  /// - Returns: the tensor's name; nil when the family's checkpoints have no such place.
  func place(
    _ weight: StoredTensor, _ role: AttentionProjection, layer: Int,
    in tensors: inout [String: StoredTensor]
  ) -> String? {
    guard
      let place = places(role, layer: layer, rows: weight.shape[0]).first(where: {
        tensors[$0.tensor] != nil
      }), let old = tensors[place.tensor]
    else { return nil }
    if old.shape == weight.shape, !isTransposed {
      tensors[place.tensor] = weight
      return place.tensor
    }
    var whole = old.widened()
    let (rows, columns) = (weight.shape[0], weight.shape[1])
    let stride = old.shape[1]
    let values = weight.widened()
    whole.withMutablePointer { whole in
      values.withPointer { values in
        for row in 0..<rows {
          let target = place.row(row)
          for column in 0..<columns {
            let index = isTransposed ? column * stride + target : target * stride + column
            whole[index] = values[row * columns + column]
          }
        }
      }
    }
    tensors[place.tensor] = StoredTensor(whole)
    return place.tensor
  }

  private func places(_ role: AttentionProjection, layer: Int, rows: Int) -> [Place] {
    let part = [.queries: 0, .keys: 1, .values: 2][role]
    switch family {
    case GPT2.modelType:
      return ["transformer.", ""].map { root in
        let prefix = "\(root)h.\(layer).attn"
        guard let part else { return Place(tensor: "\(prefix).c_proj.weight") { $0 } }
        return Place(tensor: "\(prefix).c_attn.weight") { part * rows + $0 }
      }
    case GPTNeoX.modelType:
      let prefix = "gpt_neox.layers.\(layer).attention"
      guard let part else { return [Place(tensor: "\(prefix).dense.weight") { $0 }] }
      let d = headDim
      return [
        Place(tensor: "\(prefix).query_key_value.weight") { ($0 / d * 3 + part) * d + $0 % d }
      ]
    default:
      return [
        Place(tensor: "model.layers.\(layer).self_attn.\(role.checkpointName).weight") { $0 }
      ]
    }
  }
}
