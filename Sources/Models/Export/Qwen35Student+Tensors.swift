import Operations
import TensorCore
import Transformers

extension Qwen35Student {
  /// Outside of layers; the head unless it is the embeddings.
  var tables: [Part] {
    let weights = hybrid.decoder.weights
    var parts = [
      Part("model.embed_tokens.weight", "token_embd.weight", weights.embedding.stored)
    ]
    parts += [norm("model.norm", "output_norm", weights.finalNorm)].compactMap { $0 }
    if !hybrid.decoder.isHeadTied, let head = weights.head {
      parts.append(Part("lm_head.weight", "output.weight", head.stored))
    }
    return parts
  }

  /// Of one layer.
  func block(_ layer: Int) -> [Part] {
    let block = hybrid.decoder.weights.blocks[layer]
    let norms = [
      norm("input_layernorm", "attn_norm", block.attentionNorms.before),
      norm("post_attention_layernorm", "post_attention_norm", block.feedForwardNorms.before),
    ]
    let network = [
      ("gate", block.feedForward.gate), ("up", block.feedForward.up),
      ("down", block.feedForward.down),
    ]
    return norms.compactMap { $0 }
      + network.compactMap { name, projection in
        projection.map {
          Part("mlp.\(name)_proj.weight", "ffn_\(name).weight", $0.weight.stored)
        }
      } + (hybrid.isLinear(layer) ? linear(layer) : softmax(layer))
  }

  private func softmax(_ layer: Int) -> [Part] {
    let own = hybrid.decoder.weights.blocks[layer].attention
    let (attention, hidden) = (hybrid.attention, hybrid.configuration.hiddenSize)
    let (heads, dim) = (attention.queryHeads, attention.headDim)
    let queries = Part(
      "self_attn.q_proj.weight", "attn_q.weight", shape: [2 * heads * dim, hidden]
    ) {
      // Behind the rows of queries one of zeros, which stands for every row of the gate.
      let zeros = StoredTensor(Tensor(zeros: [1, hidden]))
      let rows = StoredTensor(NativeHybrid.joined([own.queries.weight.stored, zeros]))
      let order = (0..<2 * heads * dim).map { row -> Int32 in
        let (part, place) = (row / dim, row % dim)
        return Int32(part % 2 == 0 ? part / 2 * dim + place : heads * dim)
      }
      return rows.selectingRows(order).widened()
    }
    let output = Part(
      "self_attn.o_proj.weight", "attn_output.weight", shape: own.output.weight.shape
    ) { affine(own.output.weight.stored.widened(), scale: 2, offset: 0) }
    return [
      queries, Part("self_attn.k_proj.weight", "attn_k.weight", own.keys.weight.stored),
      Part("self_attn.v_proj.weight", "attn_v.weight", own.values.weight.stored), output,
    ]
      + [
        norm("self_attn.q_norm", "attn_q_norm", own.queryNorm),
        norm("self_attn.k_norm", "attn_k_norm", own.keyNorm),
      ].compactMap { $0 }
  }

  private func linear(_ layer: Int) -> [Part] {
    let projections = hybrid.decoder.weights.blocks[layer].attention
    let own = hybrid.parameters(layer)
    let (width, hidden) = (hybrid.attention.queryWidth, hybrid.configuration.hiddenSize)
    let qkv = Part(
      "linear_attn.in_proj_qkv.weight", "attn_qkv.weight", shape: [3 * width, hidden]
    ) {
      NativeHybrid.joined([
        projections.queries.weight.stored, hybrid.repeated(projections.keys.weight.stored),
        hybrid.repeated(projections.values.weight.stored),
      ])
    }
    let convolution = Part(
      "linear_attn.conv1d.weight", "ssm_conv1d.weight", .convolution,
      shape: [3 * width, own["q_conv1d.weight"]!.shape[2]]
    ) {
      let taps = ["q", "k", "v"].map { NativeHybrid.taps(own["\($0)_conv1d.weight"]!) }
      return NativeHybrid.joined([taps[0], hybrid.repeated(taps[1]), hybrid.repeated(taps[2])])
    }
    let others: [(String, String, Part.Kind)] = [
      ("in_proj_z.weight", "attn_gate.weight", .plain),
      ("in_proj_a.weight", "ssm_alpha.weight", .plain),
      ("in_proj_b.weight", "ssm_beta.weight", .plain), ("A_log", "ssm_a", .decay),
      ("dt_bias", "ssm_dt.bias", .plain), ("norm.weight", "ssm_norm.weight", .plain),
    ]
    return [qkv, convolution]
      + others.map { name, gguf, kind in
        Part("linear_attn.\(name)", gguf, StoredTensor(own[name]!), kind)
      } + [
        Part(
          "linear_attn.out_proj.weight", "ssm_out.weight", projections.output.weight.stored)
      ]
  }

  private func norm(_ huggingFace: String, _ gguf: String, _ norm: Norm?) -> Part? {
    guard let norm else { return nil }
    return Part(
      "\(huggingFace).weight", "\(gguf).weight", .norm, shape: norm.weight.shape
    ) { NativeHybrid.weight(norm) }
  }
}
