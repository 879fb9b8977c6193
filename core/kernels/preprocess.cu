// A uint8 RGB picture becomes one picture of an input tensor: resized, placed, ordered, scaled.
//
// One thread makes one pixel of the network's picture, and one launch all of them. Everything is
// integer arithmetic on tables that core/resize_taps.py and core/preprocess.py make, so nothing
// here depends on a compiler's or a GPU's rounding.
//
// parameters: int4 columns[width], int4 rows[height], T values[channels][256]. A column or row is
// {first, second, weight of first, weight of second}: pixels of the picture and weights that add
// up to 2048; first is -1 where the network's picture has padding. values are what a byte becomes
// in the tensor.
//
// Made into preprocess.ptx by: python -m core.kernels.compile

enum { RGB = 0, BGR = 1, GREY = 2 };

// OpenCV's fixed-point INTER_LINEAR for bytes (modules/imgproc/src/resize.cpp): 11-bit weights,
// rows first.
__device__ int blended(const unsigned char* upper, const unsigned char* lower, int4 column, int4 row)
{
    int above = upper[column.x] * column.z + upper[column.y] * column.w;
    int below = lower[column.x] * column.z + lower[column.y] * column.w;
    return (((row.z * (above >> 4)) >> 16) + ((row.w * (below >> 4)) >> 16) + 2) >> 2;
}

template <typename T>
__device__ void prepare(const unsigned char* __restrict__ pixels,
                        const void* __restrict__ parameters, T* __restrict__ target,
                        int image_width, int width, int height, int color, int pad,
                        int channel_step, int pixel_step)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;

    const int4* columns = static_cast<const int4*>(parameters);
    const int4* rows = columns + width;
    const T* values = reinterpret_cast<const T*>(rows + height);
    int4 column = columns[x];
    int4 row = rows[y];

    int red = pad, green = pad, blue = pad;
    if (column.x >= 0 && row.x >= 0) {
        size_t row_bytes = static_cast<size_t>(image_width) * 3;
        const unsigned char* upper = pixels + row.x * row_bytes;
        const unsigned char* lower = pixels + row.y * row_bytes;
        column.x *= 3;
        column.y *= 3;
        red = blended(upper, lower, column, row);
        green = blended(upper + 1, lower + 1, column, row);
        blue = blended(upper + 2, lower + 2, column, row);
    }

    T* pixel = target + (static_cast<size_t>(y) * width + x) * pixel_step;
    if (color == GREY) {
        // OpenCV's RGB2GRAY for bytes (modules/imgproc/src/color.simd_helpers.hpp).
        pixel[0] = values[(red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15];
        return;
    }
    int first = color == BGR ? blue : red;
    int third = color == BGR ? red : blue;
    pixel[0] = values[first];
    pixel[channel_step] = values[256 + green];
    pixel[static_cast<size_t>(channel_step) * 2] = values[512 + third];
}

// A value is only looked up and stored, so its size is all that matters of its type.
#define KERNEL(name, T)                                                                        \
    extern "C" __global__ void name(const unsigned char* pixels, const void* parameters,       \
                                    T* target, int image_width, int width, int height,         \
                                    int color, int pad, int channel_step, int pixel_step)      \
    {                                                                                          \
        prepare<T>(pixels, parameters, target, image_width, width, height, color, pad,         \
                   channel_step, pixel_step);                                                  \
    }

KERNEL(prepare_1_byte, unsigned char)
KERNEL(prepare_2_bytes, unsigned short)
KERNEL(prepare_4_bytes, unsigned int)
