import Testing

@testable import Operations

@Suite struct OpenBLASCoreTests {
  private let processor = """
    processor\t: 0
    model name\t: some processor
    flags\t\t: fpu avx2 fma avx512f avx512dq avx512bw avx512vl
    """

  @Test(arguments: ["Haswell", "Zen"])
  func `Kernels without AVX-512 are replaced where the processor has it`(core: String) {
    #expect(
      OpenBLASInformation.betterCore(than: core, requested: nil, processorText: processor)
        == "SkylakeX")
  }

  @Test func `A choice of the user is left alone`() {
    #expect(
      OpenBLASInformation.betterCore(
        than: "Haswell", requested: "Haswell", processorText: processor) == nil)
  }

  @Test(arguments: ["SkylakeX", "Cooperlake", "Sapphirerapids", "Nehalem"])
  func `Other kernels are left alone`(core: String) {
    #expect(
      OpenBLASInformation.betterCore(than: core, requested: nil, processorText: processor) == nil)
  }

  @Test(arguments: ["", "flags\t\t: fpu avx2 fma avx512f avx512dq avx512vl"])
  func `A processor without all of it is left alone`(text: String) {
    #expect(
      OpenBLASInformation.betterCore(than: "Haswell", requested: nil, processorText: text) == nil)
  }
}
