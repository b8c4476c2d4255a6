"""Closed sets of words that ComfyUI has: samplers, schedulers, channels of a mask, kinds of inputs."""

from enum import IntEnum, StrEnum

from schemas.dtos._model import listed, numbered


@listed
class ComfySampler(StrEnum):
    """ComfyUI's samplers. `huen` and `huenpp2` are how clients know heun and heunpp2."""

    euler = "euler"
    euler_cfg_pp = "euler_cfg_pp"
    euler_ancestral = "euler_ancestral"
    euler_ancestral_cfg_pp = "euler_ancestral_cfg_pp"
    huen = "huen"
    huenpp2 = "huenpp2"
    dpm_2 = "dpm_2"
    dpm_2_ancestral = "dpm_2_ancestral"
    lms = "lms"
    dpm_fast = "dpm_fast"
    dpm_adaptive = "dpm_adaptive"
    dpmpp_2s_ancestral = "dpmpp_2s_ancestral"
    dpmpp_2s_ancestral_cfg_pp = "dpmpp_2s_ancestral_cfg_pp"
    dpmpp_sde = "dpmpp_sde"
    dpmpp_sde_gpu = "dpmpp_sde_gpu"
    dpmpp_2m = "dpmpp_2m"
    dpmpp_2m_cfg_pp = "dpmpp_2m_cfg_pp"
    dpmpp_2m_sde = "dpmpp_2m_sde"
    dpmpp_2m_sde_gpu = "dpmpp_2m_sde_gpu"
    dpmpp_3m_sde = "dpmpp_3m_sde"
    dpmpp_3m_sde_gpu = "dpmpp_3m_sde_gpu"
    ddpm = "ddpm"
    lcm = "lcm"
    ipndm = "ipndm"
    ipndm_v = "ipndm_v"
    deis = "deis"
    res_multistep = "res_multistep"
    res_multistep_cfg_pp = "res_multistep_cfg_pp"
    res_multistep_ancestral = "res_multistep_ancestral"
    res_multistep_ancestral_cfg_pp = "res_multistep_ancestral_cfg_pp"
    gradient_estimation = "gradient_estimation"
    er_sde = "er_sde"
    seeds_2 = "seeds_2"
    seeds_3 = "seeds_3"
    ddim = "ddim"
    uni_pc = "uni_pc"
    uni_pc_bh2 = "uni_pc_bh2"


@listed
class ComfyScheduler(StrEnum):
    """ComfyUI's schedulers."""

    normal = "normal"
    karras = "karras"
    exponential = "exponential"
    sgm_uniform = "sgm_uniform"
    simple = "simple"
    ddim_uniform = "ddim_uniform"
    beta = "beta"
    linear_quadratic = "linear_quadratic"
    kl_optimal = "kl_optimal"


@listed
class ComfyMaskSource(StrEnum):
    """The channel of a mask that says where to paint."""

    red = "red"
    blue = "blue"
    green = "green"
    alpha = "alpha"


@numbered
class ComfyTaskType(IntEnum):
    """What a templated workflow makes; travels as a number."""

    TextToImage = 1
    ImageToImage = 2
    ImageUpscale = 3
    ImageWithMask = 4
    ImageToText = 5
    TextToAudio = 6
    TextToSpeech = 7
    SpeechToText = 8


@listed
class AssetType(StrEnum):
    """What sort of file a workflow made."""

    Image = "Image"
    Video = "Video"
    Audio = "Audio"
    Text = "Text"
    Binary = "Binary"


@listed
class ComfyInputType(StrEnum):
    """Types of inputs that ComfyUI's nodes have."""

    Unknown = "Unknown"
    Audio = "Audio"
    Boolean = "Boolean"
    Clip = "Clip"
    ClipVision = "ClipVision"
    ClipVisionOutput = "ClipVisionOutput"
    Combo = "Combo"
    Conditioning = "Conditioning"
    ControlNet = "ControlNet"
    Enum = "Enum"
    FasterWhisperModel = "FasterWhisperModel"
    Filepath = "Filepath"
    Fl2Model = "Fl2Model"
    Float = "Float"
    Floats = "Floats"
    Gligen = "Gligen"
    Guider = "Guider"
    Hooks = "Hooks"
    Image = "Image"
    Int = "Int"
    Latent = "Latent"
    LatentOperation = "LatentOperation"
    Load3D = "Load3D"
    Load3DAnimation = "Load3DAnimation"
    Mask = "Mask"
    Mesh = "Mesh"
    Model = "Model"
    Noise = "Noise"
    Photomaker = "Photomaker"
    Sampler = "Sampler"
    Sigmas = "Sigmas"
    String = "String"
    StyleModel = "StyleModel"
    Subtitle = "Subtitle"
    TranscriptionPipeline = "TranscriptionPipeline"
    Transcriptions = "Transcriptions"
    UpscaleModel = "UpscaleModel"
    VAE = "VAE"
    VHSAudio = "VHSAudio"
    Voxel = "Voxel"
    WavBytes = "WavBytes"
    WavBytesBatch = "WavBytesBatch"
    Webcam = "Webcam"


@listed
class ComfyWorkflowType(StrEnum):
    """What a workflow makes of what."""

    TextToImage = "TextToImage"
    ImageToImage = "ImageToImage"
    ImageToText = "ImageToText"
    TextToAudio = "TextToAudio"
    TextToVideo = "TextToVideo"
    TextTo3D = "TextTo3D"
    AudioToText = "AudioToText"
    VideoToText = "VideoToText"
    ImageToVideo = "ImageToVideo"


@listed
class ComfyPrimarySource(StrEnum):
    """What a workflow takes or gives in the first place."""

    Text = "Text"
    Image = "Image"
    Video = "Video"
    Audio = "Audio"
