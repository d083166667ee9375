"""The schema of a .tflite file as data: each table's fields in the order of their slots.

Source: TensorFlow Lite's `schema.fbs`, as ai-edge-litert 2.3 has it. A test compares this with the installed package.
A field is `name:type`. Types: a letter of Python's `struct` for a number (`?` a boolean), `string`, the name of a
table, `[type]` for a vector, `|name` for a union (the slot before it says which member it holds), `_` for a slot that
is no longer used.
"""

from __future__ import annotations

_TABLES = """
CustomQuantization custom:[B]
BlockwiseQuantization scales:i zeroPoints:i blockSize:i blockShape:[i]
MultiAxisQuantization scales:i zeroPoints:i blockSize:i quantizedDimensions:[i]
QuantizationParameters min:[f] max:[f] scale:[f] zeroPoint:[q] detailsType:B details:|QuantizationDetails
  quantizedDimension:i
Int32Vector values:[i]
Uint16Vector values:[H]
Uint8Vector values:[B]
DimensionMetadata format:b denseSize:i arraySegmentsType:B arraySegments:|SparseIndexVector arrayIndicesType:B
  arrayIndices:|SparseIndexVector
SparsityParameters traversalOrder:[i] blockMap:[i] dimMetadata:[DimensionMetadata]
VariantSubType shape:[i] type:b hasRank:?
Tensor shape:[i] type:b buffer:I name:string quantization:QuantizationParameters isVariable:?
  sparsity:SparsityParameters shapeSignature:[i] hasRank:? variantTensors:[VariantSubType] externalBuffer:I
StablehloGatherOptions offsetDims:[q] collapsedSliceDims:[q] startIndexMap:[q] indexVectorDim:q sliceSizes:[q]
  indicesAreSorted:?
StablehloTransposeOptions permutation:[q]
StablehloDotGeneralOptions lhsBatchingDimensions:[q] rhsBatchingDimensions:[q] lhsContractingDimensions:[q]
  rhsContractingDimensions:[q] precisionConfig:[I]
StablehloReduceWindowOptions windowDimensions:[q] windowStrides:[q] baseDilations:[q] windowDilations:[q] padding:[q]
  bodySubgraphIndex:i
StablehloBroadcastInDimOptions broadcastDimensions:[q]
StablehloDynamicSliceOptions sliceSizes:[q]
StablehloPadOptions edgePaddingLow:[q] edgePaddingHigh:[q] interiorPadding:[q]
StablehloCustomCallOptions callTargetName:string hasSideEffect:? backendConfig:string apiVersion:i
  calledComputations:[i] customAttributes:[B]
StablehloReduceOptions dimensions:[q] bodySubgraphIndex:i
StablehloSliceOptions startIndices:[q] limitIndices:[q] strides:[q]
StablehloConvolutionOptions windowStrides:[q] padding:[q] lhsDilation:[q] rhsDilation:[q] windowReversal:[?]
  inputBatchDimension:q inputFeatureDimension:q inputSpatialDimensions:[q] kernelInputFeatureDimension:q
  kernelOutputFeatureDimension:q kernelSpatialDimensions:[q] outputBatchDimension:q outputFeatureDimension:q
  outputSpatialDimensions:[q] featureGroupCount:q batchGroupCount:q precisionConfig:[I]
StablehloScatterOptions indicesAreSorted:? updateWindowDims:[q] insertedWindowDims:[q] scatterDimsToOperandDims:[q]
  indexVectorDim:q uniqueIndices:? updateComputationSubgraphIndex:i
StablehloCaseOptions branchSubgraphIndices:[i]
ConcatEmbeddingsOptions numChannels:i numColumnsPerChannel:[i] embeddingDimPerChannel:[i]
FullyConnectedOptions fusedActivationFunction:b weightsFormat:b keepNumDims:? asymmetricQuantizeInputs:?
  quantizedBiasType:b quantSpec:[B]
ReshapeOptions newShape:[i]
SqueezeOptions squeezeDims:[i]
VarHandleOptions container:string sharedName:string
BucketizeOptions boundaries:[f]
OperatorCode deprecatedBuiltinCode:b customCode:string version:i builtinCode:i
StableHLOCompositeOptions name:string decompositionSubgraphIndex:i compositeAttributes:[B] compositeAttributesFormat:b
  version:i
Operator opcodeIndex:I inputs:[i] outputs:[i] builtinOptionsType:B builtinOptions:|BuiltinOptions customOptions:[B]
  customOptionsFormat:b mutatingVariableInputs:[?] intermediates:[i] largeCustomOptionsOffset:Q
  largeCustomOptionsSize:Q builtinOptions2Type:B builtinOptions2:|BuiltinOptions2 debugMetadataIndex:i
SubGraph tensors:[Tensor] inputs:[i] outputs:[i] operators:[Operator] name:string debugMetadataIndex:i
Buffer data:[B] offset:Q size:Q
ExternalBufferGroup name:string
ExternalBuffer id:I group:I offset:Q _ packing:string
Metadata name:string buffer:I
TensorMap name:string tensorIndex:I
SignatureDef inputs:[TensorMap] outputs:[TensorMap] signatureKey:string _ subgraphIndex:I
Model version:I operatorCodes:[OperatorCode] subgraphs:[SubGraph] description:string buffers:[Buffer]
  metadataBuffer:[i] metadata:[Metadata] signatureDefs:[SignatureDef] externalBufferGroups:[ExternalBufferGroup]
  externalBuffers:[ExternalBuffer]
"""

# Tables of numbers only: `name:types of all slots`.
_NUMBERS = """
StablehloWhileOptions:ii StablehloSortOptions:q?i StablehloConcatenateOptions:q StablehloCompareOptions:II
StablehloIotaOptions:q StablehloRngBitGeneratorOptions:b Conv2DOptions:biibiib Conv3DOptions:biiibiii
Pool2DOptions:biiiib DepthwiseConv2DOptions:biiibii LSHProjectionOptions:b SVDFOptions:ib? RNNOptions:b?
SequenceRNNOptions:?b? BidirectionalSequenceRNNOptions:?b?? SoftmaxOptions:f ConcatenationOptions:ib AddOptions:b?
MulOptions:b L2NormOptions:b LocalResponseNormalizationOptions:ifff LSTMOptions:bffb?
UnidirectionalSequenceLSTMOptions:bff??? BidirectionalSequenceLSTMOptions:bff??? ResizeBilinearOptions:__??
ResizeNearestNeighborOptions:?? CallOptions:I PadOptions: PadV2Options: SpaceToBatchNDOptions: BatchToSpaceNDOptions:
SkipGramOptions:ii? SpaceToDepthOptions:i DepthToSpaceOptions:i SubOptions:b? DivOptions:b TopKV2Options:
EmbeddingLookupSparseOptions:b GatherOptions:ii TransposeOptions: ExpOptions: CosOptions: ReducerOptions:?
SplitOptions:i SplitVOptions:i StridedSliceOptions:iiiii? LogSoftmaxOptions: CastOptions:bb DequantizeOptions:
MaximumMinimumOptions: TileOptions: ArgMaxOptions:b ArgMinOptions:b GreaterOptions: GreaterEqualOptions: LessOptions:
LessEqualOptions: NegOptions: SelectOptions: SliceOptions: TransposeConvOptions:biibb ExpandDimsOptions:
SparseToDenseOptions:? EqualOptions: NotEqualOptions: ShapeOptions:b RankOptions: PowOptions: FakeQuantOptions:ffi?
PackOptions:ii LogicalOrOptions: OneHotOptions:i AbsOptions: HardSwishOptions: LogicalAndOptions: LogicalNotOptions:
UnpackOptions:ii FloorDivOptions: SquareOptions: ZerosLikeOptions: FillOptions: FloorModOptions: RangeOptions:
LeakyReluOptions:f SquaredDifferenceOptions: MirrorPadOptions:b UniqueOptions:b ReverseV2Options: AddNOptions:
GatherNdOptions: WhereOptions: ReverseSequenceOptions:ii MatrixDiagOptions: QuantizeOptions: MatrixSetDiagOptions:
IfOptions:ii CallOnceOptions:i WhileOptions:ii NonMaxSuppressionV4Options: NonMaxSuppressionV5Options:
ScatterNdOptions: SelectV2Options: DensifyOptions: SegmentSumOptions: BatchMatMulOptions:??? CumsumOptions:??
BroadcastToOptions: Rfft2dOptions: HashtableOptions:ibb HashtableFindOptions: HashtableImportOptions:
HashtableSizeOptions: ReadVariableOptions: AssignVariableOptions: RandomOptions:qq GeluOptions:?
DynamicUpdateSliceOptions: UnsortedSegmentProdOptions: UnsortedSegmentMaxOptions: UnsortedSegmentSumOptions:
ATan2Options: UnsortedSegmentMinOptions: SignOptions: BitcastOptions: BitwiseXorOptions: RightShiftOptions:
DilateOptions: ReduceWindowOptions:i StablehloShiftLeftOptions:
"""

# The members of each union, from 1; 0 is none.
_UNIONS = """
QuantizationDetails CustomQuantization BlockwiseQuantization MultiAxisQuantization
SparseIndexVector Int32Vector Uint16Vector Uint8Vector
BuiltinOptions Conv2DOptions DepthwiseConv2DOptions ConcatEmbeddingsOptions LSHProjectionOptions Pool2DOptions
  SVDFOptions RNNOptions FullyConnectedOptions SoftmaxOptions ConcatenationOptions AddOptions L2NormOptions
  LocalResponseNormalizationOptions LSTMOptions ResizeBilinearOptions CallOptions ReshapeOptions SkipGramOptions
  SpaceToDepthOptions EmbeddingLookupSparseOptions MulOptions PadOptions GatherOptions BatchToSpaceNDOptions
  SpaceToBatchNDOptions TransposeOptions ReducerOptions SubOptions DivOptions SqueezeOptions SequenceRNNOptions
  StridedSliceOptions ExpOptions TopKV2Options SplitOptions LogSoftmaxOptions CastOptions DequantizeOptions
  MaximumMinimumOptions ArgMaxOptions LessOptions NegOptions PadV2Options GreaterOptions GreaterEqualOptions
  LessEqualOptions SelectOptions SliceOptions TransposeConvOptions SparseToDenseOptions TileOptions ExpandDimsOptions
  EqualOptions NotEqualOptions ShapeOptions PowOptions ArgMinOptions FakeQuantOptions PackOptions LogicalOrOptions
  OneHotOptions LogicalAndOptions LogicalNotOptions UnpackOptions FloorDivOptions SquareOptions ZerosLikeOptions
  FillOptions BidirectionalSequenceLSTMOptions BidirectionalSequenceRNNOptions UnidirectionalSequenceLSTMOptions
  FloorModOptions RangeOptions ResizeNearestNeighborOptions LeakyReluOptions SquaredDifferenceOptions MirrorPadOptions
  AbsOptions SplitVOptions UniqueOptions ReverseV2Options AddNOptions GatherNdOptions CosOptions WhereOptions
  RankOptions ReverseSequenceOptions MatrixDiagOptions QuantizeOptions MatrixSetDiagOptions HardSwishOptions IfOptions
  WhileOptions DepthToSpaceOptions NonMaxSuppressionV4Options NonMaxSuppressionV5Options ScatterNdOptions
  SelectV2Options DensifyOptions SegmentSumOptions BatchMatMulOptions CumsumOptions CallOnceOptions BroadcastToOptions
  Rfft2dOptions Conv3DOptions HashtableOptions HashtableFindOptions HashtableImportOptions HashtableSizeOptions
  VarHandleOptions ReadVariableOptions AssignVariableOptions RandomOptions BucketizeOptions GeluOptions
  DynamicUpdateSliceOptions UnsortedSegmentProdOptions UnsortedSegmentMaxOptions UnsortedSegmentMinOptions
  UnsortedSegmentSumOptions ATan2Options SignOptions BitcastOptions BitwiseXorOptions RightShiftOptions
BuiltinOptions2 StablehloConcatenateOptions StablehloBroadcastInDimOptions StablehloSliceOptions
  StablehloConvolutionOptions StablehloCustomCallOptions StablehloReduceOptions StablehloScatterOptions
  StablehloCompareOptions StablehloDynamicSliceOptions StablehloPadOptions StablehloIotaOptions
  StablehloDotGeneralOptions StablehloReduceWindowOptions StablehloSortOptions StablehloWhileOptions
  StablehloGatherOptions StablehloTransposeOptions DilateOptions StablehloRngBitGeneratorOptions ReduceWindowOptions
  StableHLOCompositeOptions StablehloShiftLeftOptions StablehloCaseOptions
"""


def _entries(text: str) -> dict[str, tuple[str, ...]]:
    joined = text.strip().replace("\n  ", " ").splitlines()
    return {name: tuple(words) for name, *words in (line.split() for line in joined)}


FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    **{
        table: tuple((name, kind) for name, _, kind in (word.partition(":") for word in words))
        for table, words in _entries(_TABLES).items()
    },
    **{
        table: tuple(("", "" if kind == "_" else kind) for kind in kinds)
        for table, _, kinds in (word.partition(":") for word in _NUMBERS.split())
    },
}
"""Every table: (name, type) of each slot. Numbers of the tables of options have no name; the type of an unused slot is
empty."""

UNIONS = _entries(_UNIONS)
"""Every union: its members, the first of which has the number 1."""
