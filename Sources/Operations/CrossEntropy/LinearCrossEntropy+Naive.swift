import RealModule

extension Naive {
  /// Loss of every token; 0 where the target is ignored.
  public static func linearCrossEntropy<T: Real>(
    _ x: [T], head: [T], width: Int, targets: [Int32], scale: T = 1, cap: T? = nil
  ) -> [T] {
    let vocabulary = head.count / width
    return targets.enumerated().map { token, target in
      if target == ignoredTarget { return 0 }
      let logits = (0..<vocabulary).map { row in
        transformed(
          (0..<width).reduce(T.zero) { $0 + x[token * width + $1] * head[row * width + $1] },
          scale: scale, cap: cap)
      }
      let maximum = logits.max()!
      let total = logits.reduce(T.zero) { $0 + T.exp($1 - maximum) }
      return T.log(total) + maximum - logits[Int(target)]
    }
  }
}
