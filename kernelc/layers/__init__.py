"""One file, one kind: shape rule, kernel rule, shaping, and the finite layer."""

from ._activation import Activation as Activation, ActivationModule as ActivationModule
from ._assume_gaussian import (
    AssumeGaussian as AssumeGaussian,
    AssumeGaussianModule as AssumeGaussianModule,
)
from ._attention import Attention as Attention, AttentionModule as AttentionModule
from ._batch_norm import BatchNorm as BatchNorm, BatchNormModule as BatchNormModule
from ._broadcast import Broadcast as Broadcast, BroadcastModule as BroadcastModule
from ._channel_scale import ChannelScale as ChannelScale, ChannelScaleModule as ChannelScaleModule
from ._channel_shuffle import (
    ChannelShuffle as ChannelShuffle,
    ChannelShuffleModule as ChannelShuffleModule,
)
from ._class_token import ClassToken as ClassToken, ClassTokenModule as ClassTokenModule
from ._concat import Concat as Concat, ConcatModule as ConcatModule
from ._concat_tokens import ConcatTokens as ConcatTokens, ConcatTokensModule as ConcatTokensModule
from ._conv import Conv as Conv, ConvModule as ConvModule
from ._conv_transpose import (
    ConvTranspose as ConvTranspose,
    ConvTransposeModule as ConvTransposeModule,
)
from ._dense import Dense as Dense, DenseModule as DenseModule
from ._drop_path import DropPath as DropPath, DropPathModule as DropPathModule
from ._dropout import Dropout as Dropout, DropoutModule as DropoutModule
from ._embedding import Embedding as Embedding, EmbeddingModule as EmbeddingModule
from ._first_token import FirstToken as FirstToken, FirstTokenModule as FirstTokenModule
from ._flatten import Flatten as Flatten, FlattenModule as FlattenModule
from ._gated import GEGLU as GEGLU, GLU as GLU, SwiGLU as SwiGLU
from ._global_mean_pool import (
    GlobalMeanPool as GlobalMeanPool,
    GlobalMeanPoolModule as GlobalMeanPoolModule,
)
from ._group_norm import GroupNorm as GroupNorm, GroupNormModule as GroupNormModule
from ._initialization import (
    fan_in as fan_in,
    fan_out as fan_out,
    gain as gain,
    initialization as initialization,
)
from ._input import Input as Input, InputLayer as InputLayer
from ._last_token import LastToken as LastToken, LastTokenModule as LastTokenModule
from ._layer_norm import LayerNorm as LayerNorm, LayerNormModule as LayerNormModule
from ._local_conv import LocalConv as LocalConv, LocalConvModule as LocalConvModule
from ._looks_linear import LooksLinear as LooksLinear, LooksLinearModule as LooksLinearModule
from ._max_pool import MaxPool as MaxPool, MaxPoolModule as MaxPoolModule
from ._mean_pool import MeanPool as MeanPool, MeanPoolModule as MeanPoolModule
from ._multi_head_attention import MultiHeadAttention as MultiHeadAttention
from ._opaque import Opaque as Opaque
from ._pad_locations import PadLocations as PadLocations, PadLocationsModule as PadLocationsModule
from ._pixel_shuffle import PixelShuffle as PixelShuffle, PixelShuffleModule as PixelShuffleModule
from ._pixel_unshuffle import (
    PixelUnshuffle as PixelUnshuffle,
    PixelUnshuffleModule as PixelUnshuffleModule,
)
from ._pln import PLN as PLN, PLNModule as PLNModule
from ._positional_embedding import (
    PositionalEmbedding as PositionalEmbedding,
    PositionalEmbeddingModule as PositionalEmbeddingModule,
)
from ._positional_encoding import (
    PositionalEncoding as PositionalEncoding,
    PositionalEncodingModule as PositionalEncodingModule,
)
from ._product import Product as Product, ProductModule as ProductModule
from ._repeat import Repeat as Repeat, repeat as repeat
from ._resize import Resize as Resize, ResizeModule as ResizeModule
from ._rms_norm import RMSNorm as RMSNorm
from ._roll import Roll as Roll, RollModule as RollModule
from ._scale import Scale as Scale, ScaleModule as ScaleModule
from ._standardized_conv import (
    StandardizedConv as StandardizedConv,
    StandardizedConvModule as StandardizedConvModule,
)
from ._standardized_dense import (
    StandardizedDense as StandardizedDense,
    StandardizedDenseModule as StandardizedDenseModule,
)
from ._take_channels import TakeChannels as TakeChannels, TakeChannelsModule as TakeChannelsModule
from ._take_locations import (
    TakeLocations as TakeLocations,
    TakeLocationsModule as TakeLocationsModule,
)
from ._to_image import ToImage as ToImage, ToImageModule as ToImageModule
from ._to_sequence import ToSequence as ToSequence, ToSequenceModule as ToSequenceModule
from ._tokens import Tokens as Tokens, TokensLayer as TokensLayer
from ._weight_layer import WeightLayer as WeightLayer
from ._weight_module import WeightModule as WeightModule
from ._weighted_mean_pool import (
    WeightedMeanPool as WeightedMeanPool,
    WeightedMeanPoolModule as WeightedMeanPoolModule,
)
from ._weighted_sum import (
    WeightedSum as WeightedSum,
    WeightedSumModule as WeightedSumModule,
    residual as residual,
)
from ._window import Padding as Padding, WindowLayer as WindowLayer
