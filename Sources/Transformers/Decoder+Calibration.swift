import Differentiation
import Operations
import Students
import TensorCore

extension Decoder {
  /// First tokens of a sequence that count as attention sinks in a layer's statistics.
  public static let calibrationSinks = 4

  /// Makes the mixers of converted layers anew, with starts that are computed of the layers they
  /// replace: of the teacher's weights, and of its attention on some sequences.
  ///
  /// - Parameters:
  ///   - student: the recipe's, which was installed.
  ///   - teacher: the decoder that this student stands on, untouched.
  ///   - sequences: in memory quadratic in their tokens.
  public func calibrate(
    _ student: StudentSpecification, of teacher: Decoder,
    on sequences: [(tokens: [Int32], layout: SequenceLayout)], seed: UInt64
  ) {
    let converted = convertedLayers
    guard let last = converted.last else { return }
    var statistics = [Int: AttentionStatistics](
      uniqueKeysWithValues: converted.map {
        ($0, AttentionStatistics(configuration.attention, sinks: Self.calibrationSinks))
      })
    var moments = [Int: LayerMoments](
      uniqueKeysWithValues: converted.map {
        (
          $0,
          LayerMoments(
            hiddenSize: configuration.hiddenSize, queryWidth: configuration.attention.queryWidth)
        )
      })
    for (tokens, layout) in sequences {
      let tape = Tape(isRecording: false)
      teacher.forEachLayer(tokens, ForwardPass(layout, on: tape)) { visit in
        let index = visit.layer.index
        let teacherMixer = visit.layer.teacherMixer
        statistics[index]?.add(
          queries: visit.input.queries.value, keys: visit.input.keys.value, layout: layout,
          window: teacherMixer.window)
        let attention = teacherMixer.forward(visit.input, on: tape)
        moments[index]?.add(stream: visit.normed.value, outputs: attention.value)
        return index == last ? nil : visit.finish(attention: attention)
      }
    }
    for (index, statistics) in statistics {
      let layer = teacher.layers[index]
      var geometry = layer.geometry
      geometry.replaced = layer.replaced(statistics.heads, moments[index])
      layers[index].mixer = student.mixer.makeMixer(geometry, seed: seed)
    }
  }
}

extension DecoderLayer {
  /// This layer as a student may see it.
  public func replaced(
    _ statistics: [AttentionStatistics.Head], _ moments: LayerMoments? = nil
  ) -> ReplacedLayer {
    let attention = block.attention
    return ReplacedLayer(
      statistics: statistics, moments: moments, queryNorm: attention.queryNorm?.weight.tensor,
      keyNorm: attention.keyNorm?.weight.tensor,
      projections: [
        .queries: attention.queries.weight.stored, .keys: attention.keys.weight.stored,
        .values: attention.values.weight.stored,
      ])
  }
}
