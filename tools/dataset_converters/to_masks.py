# Copyright (c) prcl_mmseg authors. All rights reserved.
r"""Make masks of class numbers from what annotation tools write.

    python tools/dataset_converters/to_masks.py labelme photographs \
        --rest background --out data/my_data
    python tools/dataset_converters/to_masks.py coco annotations.json \
        --images photographs --rest background --out data/my_data
    python tools/dataset_converters/to_masks.py colors painted \
        --images photographs --palette colors.txt --out data/my_data
    python tools/dataset_converters/to_masks.py mat masks \
        --images photographs --out data/my_data

Writes OUT/masks/*.png and OUT/data.py, the data file of docs/own_data.md.
Nothing is written into the source.
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# First of all, to say so if the packages below don't fit.
import prcl_mmseg  # noqa: E402, F401

import masks_of_colors  # noqa: E402
import masks_of_matrices  # noqa: E402
import masks_of_shapes  # noqa: E402
from mask_output import check_out  # noqa: E402


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('--out', type=Path, required=True,
                        help='folder for masks/ and data.py')
    common.add_argument('--overwrite', action='store_true',
                        help='replace earlier masks; classes keep their '
                        'numbers, and data.py what was set by hand')
    common.add_argument(
        '--void', nargs='+', default=[], metavar='NAME',
        help='classes whose pixels count for nothing; they become 255')
    shapes = argparse.ArgumentParser(add_help=False)
    shapes.add_argument(
        '--rest', required=True,
        help='class of the pixels outside all shapes, such as background; '
        'void if they count for nothing')
    shapes.add_argument(
        '--classes', nargs='+', metavar='NAME',
        help='all classes in the order of their numbers; by default those of '
        'an earlier data.py, REST, then the labels by name')
    shapes.add_argument(
        '--rename', action='append', default=[], metavar='OLD=NEW',
        help='take a label for another; may be repeated')
    shapes.add_argument(
        '--on-top', choices=['smallest', 'last'], default='smallest',
        help='which of two shapes has the pixels that lie in both; smallest '
        'by default')
    shapes.add_argument(
        '--empty', choices=['unlabeled', 'rest'], default='unlabeled',
        help='what an image is that was opened, but has no shape: unlabelled '
        '(default), or all of it REST')
    formats = parser.add_subparsers(dest='format', required=True)
    entry = formats.add_parser('labelme', parents=[common, shapes],
                               help='JSON files of LabelMe beside the images')
    entry.add_argument('source', type=Path, help='folder of images and JSON')
    entry = formats.add_parser('coco', parents=[common, shapes],
                               help='a JSON file of COCO, which most tools '
                               'export; needs pycocotools')
    entry.add_argument('source', type=Path, help='the JSON file')
    entry.add_argument('--images', type=Path, required=True,
                       help='folder of the images')
    entry = formats.add_parser('colors', parents=[common],
                               help='masks painted in the colours of classes')
    entry.add_argument('source', type=Path, help='folder of the masks')
    entry.add_argument('--images', type=Path, required=True,
                       help='folder of the images')
    entry.add_argument(
        '--palette', type=Path, help='text file with lines RED GREEN BLUE '
        'NAME; by default the colours are found')
    entry = formats.add_parser('mat', parents=[common],
                               help='MATLAB files of one matrix; needs scipy')
    entry.add_argument('source', type=Path, help='folder of the files')
    entry.add_argument('--images', type=Path, required=True,
                       help='folder of the images')
    entry.add_argument('--key', help='name of the matrix in the files')
    return parser.parse_args()


CONVERTERS = dict(
    labelme=masks_of_shapes.convert_shapes,
    coco=masks_of_shapes.convert_shapes,
    colors=masks_of_colors.convert_colors,
    mat=masks_of_matrices.convert_mat)


def main() -> None:
    args = parse_args()
    try:
        check_out(args)
        CONVERTERS[args.format](args)
    except ImportError as error:
        sys.exit(f'to_masks: {args.format} needs {error.name}: pip install '
                 f'{error.name}')
    except (ValueError, OSError) as error:
        sys.exit(f'to_masks: {error}')


if __name__ == '__main__':
    main()
