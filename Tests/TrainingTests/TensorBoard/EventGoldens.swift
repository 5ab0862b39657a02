// Made by scripts/goldens/tensorboard.py with tensorboard 2.21.0. Do not edit.
@testable import Training

enum EventGoldens {
  // swift-format-ignore
  static let trainingEvents: [Event] = [
    Event(wallTime: 1700000000.25, step: 0, content: .fileVersion),
    Event(wallTime: 1700000000.25, step: 1, content: .sessionStart),
    Event(wallTime: 1700000001.5, step: 1, content: .scalars([("loss", 2.5), ("loss/layer_00", 0.1), ("loss/layer_07", 123.456), ("learning_rate", 0.001), ("gradient_norm", 0.0), ("tokens_per_second", 12345.678), ("peak_memory_bytes", 1900000123.0)])),
    Event(wallTime: 1700000002.0, step: 300, content: .scalars([("loss", 1e-30), ("validation_loss", 1e+300)])),
    Event(wallTime: 1700000003.0, step: 1099511627776, content: .scalars([("loss", -0.0)])),
  ]
  /// 368 bytes, SHA-256 5d99245e5696dc24bbe03b0e281e682f9bb1eca0886e79e6a79782ab2bb710b6.
  static let training = """
    GAAAAAAAAACjf0siCQAAEED8VNlBGg1icmFpbi5FdmVudDoyM40v6Q8AAAAAAAAAbVMrCQkAABBA/FTZQRABOgII
    AdFhwrmnAAAAAAAAALiJaSsJAABgQPxU2UEQASqZAQoLCgRsb3NzFQAAIEAKFAoNbG9zcy9sYXllcl8wMBXNzMw9
    ChQKDWxvc3MvbGF5ZXJfMDcVeen2QgoUCg1sZWFybmluZ19yYXRlFW8SgzoKFAoNZ3JhZGllbnRfbm9ybRUAAAAA
    ChgKEXRva2Vuc19wZXJfc2Vjb25kFbbmQEYKGAoRcGVha19tZW1vcnlfYnl0ZXMVZ3/iTjlQ1bszAAAAAAAAAAyn
    IFYJAACAQPxU2UEQrAIqJQoLCgRsb3NzFWBCog0KFgoPdmFsaWRhdGlvbl9sb3NzFQAAgH9yL5xkHwAAAAAAAABR
    S0QYCQAAwED8VNlBEICAgICAICoNCgsKBGxvc3MVAAAAgJVh9NQ=
    """
  // swift-format-ignore
  static let edgesEvents: [Event] = [
    Event(wallTime: 0.0, step: 0, content: .fileVersion),
    Event(wallTime: -0.5, step: -1, content: .scalars([("", 1.0)])),
    Event(wallTime: 1e-300, step: 127, content: .scalars([])),
    Event(wallTime: 1.0, step: 128, content: .scalars([("größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層größe/層", -3.25)])),
    Event(wallTime: 2.0, step: 16384, content: .sessionStart),
  ]
  /// 400 bytes, SHA-256 80dd10271c3324ce8e4fa481ca3425c8f706c23ca072debd8401786ca43fe988.
  static let edges = """
    DwAAAAAAAABtUysJGg1icmFpbi5FdmVudDoy/JhRKR0AAAAAAAAAYC/fIwkAAAAAAADgvxD///////////8BKgcK
    BRUAAIA/P+kW5A0AAAAAAAAAPDe4NAlZ8/jCH26lARB/KgD77H9n9gAAAAAAAABNGyiaCQAAAAAAAPA/EIABKucB
    CuQBCtwBZ3LDtsOfZS/lsaRncsO2w59lL+WxpGdyw7bDn2Uv5bGkZ3LDtsOfZS/lsaRncsO2w59lL+WxpGdyw7bD
    n2Uv5bGkZ3LDtsOfZS/lsaRncsO2w59lL+WxpGdyw7bDn2Uv5bGkZ3LDtsOfZS/lsaRncsO2w59lL+WxpGdyw7bD
    n2Uv5bGkZ3LDtsOfZS/lsaRncsO2w59lL+WxpGdyw7bDn2Uv5bGkZ3LDtsOfZS/lsaRncsO2w59lL+WxpGdyw7bD
    n2Uv5bGkZ3LDtsOfZS/lsaRncsO2w59lL+WxpBUAAFDAbPGR9xEAAAAAAAAAnW21LgkAAAAAAAAAQBCAgAE6AggB
    ZC98ZQ==
    """
}
